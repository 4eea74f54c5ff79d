"""What a router needs to call us, for its script."""

from __future__ import annotations

from portal.calls.standing import calling_of
from portal.console.desk import Desk
from portal.errors import Misconfigured, Refused
from portal.mikrotik.calling import Calling, authority_of
from portal.tenancy.store import Router


def calling_for(desk: Desk, router: Router) -> Calling | None:
    """None for a router that may not call; raises `Refused`."""
    try:
        return calling_of(desk.services.vault, router, desk.services.settings.router_authority)
    except Misconfigured:
        raise Refused("router-authority", status=409) from None


def must_be_possible(desk: Desk) -> None:
    """Raise `Refused` where no script could tell a router whom to trust."""
    try:
        authority_of(desk.services.settings.router_authority)
    except Misconfigured:
        raise Refused("router-authority", status=409) from None
