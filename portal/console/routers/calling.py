"""Whether a router may call us: letting it, giving it other keys, and taking the right back."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from portal.calls import service
from portal.calls.standing import standing
from portal.console import asked
from portal.console.desk import Desk
from portal.console.routers import acts, calls
from portal.errors import Refused
from portal.tenancy.store import Router

WORDS = ("let", "renew", "stop")


async def ask(desk: Desk) -> Response:
    """What calls are, and what can be done about them."""
    return _page(desk, await acts.found(desk))


async def decide(desk: Desk) -> Response:
    """Do it, with a reason; the script that comes of it is next."""
    router = await acts.found(desk)
    word = asked.one_of(desk.fields.get("state", ""), WORDS)
    try:
        why = acts.reason(desk)
        if (router.call_hash is None) != (word == "let"):
            raise Refused("router-calls", status=409)
        await _done(desk, router, word, why)
    except Refused as wrong:
        return _page(desk, router, wrong)
    return desk.go(f"/console/routers/{router.id}{'' if word == 'stop' else '/script'}", f"router-calls-{word}")


async def _done(desk: Desk, router: Router, word: str, why: str) -> None:
    tenant, vault = desk.view.tenant.id, desk.services.vault
    unit: Any = service.switch_off
    args: tuple[Any, ...] = (tenant, router)
    if word != "stop":
        calls.must_be_possible(desk)
        unit, args = service.switch_on, (tenant, vault, router)
    after = {"name": router.name, "reason": why}
    await desk.act(f"router.calls.{word}", f"router:{router.id}", unit, *args, after=after)
    await acts.follow(desk)


def _page(desk: Desk, router: Router, wrong: Refused | None = None) -> Response:
    return desk.page(
        "router_calls",
        wrong.status if wrong else 200,
        router=router,
        calls=standing(router),
        wrong=wrong.key if wrong else "",
        reason=desk.fields.get("reason", "")[:300],
    )
