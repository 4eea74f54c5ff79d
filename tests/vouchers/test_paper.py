"""What stands on a voucher, in words."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from portal.clock import DAY
from portal.money import Money
from portal.tenancy.store import Tenant
from portal.texts import LANGUAGES, said_in
from portal.vouchers.faces import face, last_day
from portal.vouchers.paper import Card, Face, base_url
from portal.vouchers.poster import join_text
from portal.vouchers.store import Batch
from tests.support import a_plan
from tests.vouchers.sheets import the_longest_face

TENANT = Tenant(
    id=1,
    public="t1",
    name="Mama & <Sons>",
    support_phone="0712 345 678",
    privacy_contact="",
    timezone="Africa/Nairobi",
    currency="KES",
    language="en",
    theme="default",
    ssid="Mama's {Wi-Fi}",
    active=True,
    version=1,
)
MIDNIGHT = int(datetime(2026, 12, 31, 21, tzinfo=UTC).timestamp() * 1000)  # in Nairobi
BATCH = Batch(
    id=1,
    number=12,
    plan=a_plan(name="1 hour", price=Money(2000), max_devices=2),
    style="letters-10",
    count=100,
    use_by=MIDNIGHT,
    note="",
    agent="",
    made_by="amina",
    created_at=0,
    ready_at=0,
)


def a_face(lang: str = "en", **tenant: object) -> Face:
    changed = replace(TENANT, **tenant)  # type: ignore[arg-type]
    return face(changed, BATCH, said_in("default", lang), "https://portal.example.co.ke:8443")


def test_names_are_printed_as_they_are_not_as_pages_escape_them() -> None:
    found = a_face()

    assert found.isp == "Mama & <Sons>"
    assert found.steps[0] == "Join the Wi-Fi Mama's {Wi-Fi}"
    assert "&" not in found.line


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_on_a_face_is_empty(lang: str) -> None:
    found = a_face(lang)

    assert found.lang == lang
    assert all(
        [found.plan, found.price, found.validity, found.line, *found.steps, found.typed, found.use_by, found.copy]
    )


def test_an_isp_without_a_phone_or_a_name_for_its_wifi_has_a_face_all_the_same() -> None:
    found = a_face(ssid="", support_phone="")

    assert found.steps[0] == "Join our Wi-Fi"
    assert found.support == ""


def test_the_address_for_cameras_is_in_capitals_and_that_for_people_is_not() -> None:
    found = a_face()

    assert found.url(Card(label="B12-0001", code="7KQ9M2XDAB4")) == "HTTPS://PORTAL.EXAMPLE.CO.KE:8443/V/7KQ9M2XDAB4"
    assert found.address == "portal.example.co.ke:8443"
    assert base_url("http://127.0.0.1:80/") == "HTTP://127.0.0.1:80/V/"


def test_use_by_names_the_last_day_on_which_a_voucher_is_good() -> None:
    assert last_day(MIDNIGHT, "Africa/Nairobi", "en") == "31 Dec 2026"
    assert last_day(MIDNIGHT - 1, "Africa/Nairobi", "en") == "31 Dec 2026"
    assert last_day(MIDNIGHT + DAY // 2, "Africa/Nairobi", "en") == "1 Jan 2027, 12:00"
    assert last_day(MIDNIGHT, "Africa/Nairobi", "sw") == "31 Des 2026"


def test_a_face_goes_through_a_pipe_unchanged() -> None:
    found = the_longest_face()

    assert Face.from_dict(json.loads(json.dumps(found.as_dict()))) == found


def test_the_name_of_a_wifi_is_escaped_for_cameras_and_no_password_is_asked() -> None:
    assert join_text('Ca"fe;1:2,3\\4') == 'WIFI:T:nopass;S:Ca\\"fe\\;1\\:2\\,3\\\\4;;'
