"""What an operator can get wrong about mails is refused in one sentence."""

from __future__ import annotations

import pytest

from portal.errors import Misconfigured
from portal.settings import load, refuse_unsafe

GOOD = {
    "BANDO_SECRET_KEY": "k" * 40,
    "BANDO_PUBLIC_URL": "https://wifi.test",
    "BANDO_DATA_PROTECTION_CONTACT": "privacy@wifi.test",
    "BANDO_SMTP_HOST": "mail.test",
    "BANDO_SMTP_FROM": "bando@wifi.test",
}


def test_a_mail_server_with_a_sender_is_fine() -> None:
    refuse_unsafe(load(GOOD))
    refuse_unsafe(load({**GOOD, "BANDO_SMTP_HOST": "127.0.0.1", "BANDO_SMTP_TLS": "none"}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"BANDO_SMTP_FROM": ""}, "go together"),
        ({"BANDO_SMTP_FROM": "bando"}, "no e-mail address"),
        ({"BANDO_SMTP_PORT": "70000"}, "at most 65535"),
        ({"BANDO_SMTP_TLS": "ssl"}, "must be one of"),
        ({"BANDO_SMTP_TLS": "none", "BANDO_SMTP_USER": "bando"}, "password .* in the clear"),
        ({"BANDO_SMTP_TLS": "none"}, "e-mails .* in the clear"),
        ({"BANDO_WEBHOOK_NETWORKS": "everywhere"}, "not a network"),
    ],
)
def test_what_cannot_be_right_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(Misconfigured, match=said):
        refuse_unsafe(load({**GOOD, **changes}))


def test_the_password_is_in_no_text_of_the_settings() -> None:
    assert "geheim" not in repr(load({**GOOD, "BANDO_SMTP_PASSWORD": "geheim"}))
