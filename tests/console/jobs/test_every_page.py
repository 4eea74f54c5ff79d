"""Every page of the console, filled, empty or refusing something: no barrier, no surprise, and small enough."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Page

from portal.staff import store as staff
from tests.console.jobs.furniture import PAGES, filled, furnish, nobody_else
from tests.console.jobs.shop import EACH, SIZES, Shop
from tests.looking import MOST_BYTES, Traffic, faults, shape

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

PROVE = "/account/prove"  # whoever has just given the password goes on at once
# Forms that were filled in wrongly: the page that comes back says so.
MISTAKES: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    ("/vouchers/new", "", {"count": "many", "plan": "1"}),
    ("/plans/new", "", {"name": "", "price": "free"}),
    ("/plans/{id}", "", {"name": "", "price": "free"}),
    ("/guests/device/{device}", "/extend", {"give": "minutes", "minutes": "many"}),
    ("/guests/device/{device}", "/move", {"mac": "nothing"}),
    ("/guests/device/{device}", "/note", {"text": ""}),
    ("/guests/device/{device}/block", "", {"reason": ""}),
    ("/vouchers/batch/{id}/void", "", {"reason": ""}),
    ("/vouchers/batch/{id}", "/file", {"form": "pdf", "serials": "9-1"}),
    ("/staff/invite", "", {"name": "", "email": "nobody", "role": "cashier"}),
    ("/account/password", "", {"old": "no", "new": "no", "again": "other"}),
    ("/account/prove", "", {"password": "no"}),
    ("/account/second", "", {"secret": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "code": "1"}),
    ("/guests", "", {"q": "0799 999 999"}),
    ("/guests", "", {"q": "192.0.2.7"}),
    ("/lines/done", "", {"line": "999999"}),
)


WHOLE = bool(os.environ.get("BANDO_SWEEP"))


async def looked_at(page: Page, traffic: Traffic, where: str) -> list[str]:
    """What is wrong with the page that is open.

    Its rules are those of one page at every width: axe looks at it on the phone, and `make sweep` on the desk as well.
    """
    await page.wait_for_load_state("load")
    size, said = traffic.taken()
    assert page.viewport_size is not None
    narrow = page.viewport_size["width"] == SIZES["phone"][0]
    found = await (faults if narrow or WHOLE else shape)(page)
    traffic.taken()
    heavy = [f"{size} bytes"] if size > MOST_BYTES else []
    return [f"{where}: {each}" for each in (*found, *heavy, *said)]


@pytest_asyncio.fixture(loop_scope="module")
async def furnished(s: Shop) -> Shop:
    await furnish(s)
    return s


@pytest.mark.parametrize("size", ["phone", pytest.param("desk", marks=pytest.mark.slow)])
async def test_no_page_has_barriers_or_surprises(furnished: Shop, size: str) -> None:
    s, wrong, titles = furnished, [], {}
    async with s.sits(size) as page:
        traffic = Traffic(page)
        await traffic.watch()
        for path in (each for each in PAGES if each != PROVE):
            answer = await page.goto(f"{s.url}{await filled(s, path)}")
            assert answer is not None
            assert answer.status == 200, path
            wrong += await looked_at(page, traffic, path)
            titles[page.url.partition("?")[0]] = await page.title()  # an address that leads to another page is that one
    assert wrong == []
    assert traffic.hosts == {"portal.bando.test"}
    same = [path for path, title in titles.items() if list(titles.values()).count(title) > 1]
    assert same == [], "each page has a title of its own"


@pytest.mark.parametrize(*EACH)
async def test_no_page_that_asks_for_the_password_has_barriers(furnished: Shop, size: str) -> None:
    s, wrong = furnished, []
    colleague = await s.hired("owner")
    async with s.opened(size) as page:
        await s.gets_cookie(page.context, await s.login_of(colleague.id, proven=False))
        traffic = Traffic(page)
        await traffic.watch()
        for path in (PROVE, "/staff/{id}", "/staff"):
            await page.goto(f"{s.url}{await filled(s, path)}")
            wrong += await looked_at(page, traffic, path)
        assert await page.get_by_role("link", name="Give the password").count()
    assert wrong == []


SEND = """([path, fields]) => {
  const form = Object.assign(document.createElement('form'), {method: 'post', action: path});
  for (const [name, value] of Object.entries(fields))
    form.append(Object.assign(document.createElement('input'), {type: 'hidden', name, value}));
  document.body.append(form);
  form.submit();
}"""


async def send(page: Page, path: str, fields: Mapping[str, str]) -> None:
    """Post this form from the page that is open."""
    token = await page.locator("input[name=csrf]").first.input_value()
    async with page.expect_navigation():
        await page.evaluate(SEND, [f"/console{path}", {"csrf": token, **fields}])


@pytest.mark.parametrize(*EACH)
async def test_no_page_that_refuses_something_has_barriers(furnished: Shop, size: str) -> None:
    s, wrong = furnished, []
    async with s.sits(size) as page:
        traffic = Traffic(page)
        await traffic.watch()
        await page.goto(f"{s.url}/guests")
        for path, act, fields in MISTAKES:
            await send(page, await filled(s, path) + act, fields)
            assert await page.locator("[role=alert], [role=status], main h1").count(), path
            found = await looked_at(page, traffic, path)
            wrong += [each for each in found if "status of 4" not in each]
        for path in ("/nowhere", "/payments?before=x"):
            await page.goto(f"{s.url}{path}")
            wrong += [each for each in await looked_at(page, traffic, path) if "status of 4" not in each]
    assert wrong == []


@pytest.mark.parametrize(*EACH)
async def test_no_empty_page_has_barriers_and_each_says_the_next_step(s: Shop, size: str) -> None:
    wrong = []
    async with s.sits(size, tenant=await nobody_else(s)) as page:
        traffic = Traffic(page)
        await traffic.watch()
        for path in PAGES:
            if "{" not in path:
                await page.goto(f"{s.url}{path}")
                wrong += await looked_at(page, traffic, path)
                if path in ("/online", "/payments", "/payments/queue", "/vouchers", "/sale", "/plans", "/vouchers/new"):
                    assert await page.locator(".empty").count(), path
    assert wrong == []


@pytest.mark.parametrize(*EACH)
async def test_no_page_before_the_login_has_barriers(s: Shop, size: str) -> None:
    wrong = []
    _, token = await s.home.write(
        staff.invite, s.home.vault, s.home.clock.now(), email=f"new{next(s.numbers)}@isp.test", name="N", role="owner"
    )
    async with s.opened(size) as page:
        traffic = Traffic(page)
        await traffic.watch()
        for path in ("/login", "/login?said=logged-out", f"/link/{token}", "/link/over", "/nowhere"):
            await page.goto(f"{s.url}{path}")
            wrong += await looked_at(page, traffic, path)
        await page.goto(f"{s.url}/login")
        await page.get_by_label("E-mail").fill("nobody@isp.test")
        await page.get_by_label("Password").fill("not this one")
        await page.get_by_role("button", name="Log in").click()
        await page.get_by_role("alert").wait_for()
        wrong += await looked_at(page, traffic, "a wrong password")
    # An invitation does not tell the address to log in with: whoever finds one should not know that, too.
    assert [each for each in wrong if "status of 4" not in each and "username fields" not in each] == []


@pytest.mark.parametrize(*EACH)
async def test_setting_up_two_steps_has_no_barriers(s: Shop, size: str) -> None:
    wrong = []
    hired = await s.hired("owner")
    await s.home.write(staff.change_staff, hired.id, s.home.clock.now(), totp_sealed=None)
    async with s.opened(size) as page:
        await s.gets_cookie(page.context, await s.login_of(hired.id))
        traffic = Traffic(page)
        await traffic.watch()
        await page.goto(f"{s.url}/")
        wrong += await looked_at(page, traffic, "two steps")
        secret = (await page.locator("code").first.inner_text()).replace(" ", "")
        await page.get_by_label("Six digits").fill(s.code(secret=secret))
        await page.get_by_role("button", name="Turn it on").click()
        await page.locator(".codes").wait_for()
        wrong += await looked_at(page, traffic, "recovery codes")
    assert wrong == []


PLANTED = """<!doctype html><html><body><h1>One</h1><h1>Two</h1><p style="font-size: 10px">small</p>
<p style="color: #eee; background: #fff">pale</p><div style="width: 3000px">wide</div>
<button style="height: 16px; padding: 0">low</button></body></html>"""


async def test_without_care_each_of_these_would_be_found(s: Shop) -> None:
    """The look is no rubber stamp."""
    async with s.opened() as page:
        await page.set_content(PLANTED)
        found = "\n".join(await faults(page))
    for fault in (
        "no language",
        "no title",
        "2 headings",
        "sideways",
        "smaller than 12",
        "smaller than 24",
        "contrast",
    ):
        assert fault in found, (fault, found)
