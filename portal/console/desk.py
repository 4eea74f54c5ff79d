"""What a handler of the console gets: who asks, of which ISP, and the ways to read, to act and to answer.

Acting goes through `act` alone: the change and its line in the audit log are one transaction.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from portal.access.catalog import TenantView
from portal.audit import store as audit
from portal.clock import MINUTE, Moment
from portal.console import render, said
from portal.console.doors import Services
from portal.console.times import Calendar
from portal.errors import Refused
from portal.privacy.bulletins.store import Bulletin
from portal.seal import Vault
from portal.staff import roles
from portal.staff.roles import Permission
from portal.staff.room import Present
from portal.staff.store import Staff
from portal.units import Unit
from portal.web import forms
from portal.web.answers import answer, see_other
from portal.web.security import refuse_foreign, source_of

T = TypeVar("T")

COOKIE = "__Host-bando"  # ends with the browser
THEME = "bando-theme"  # light, dark or neither: as the system has it
THEMES = ("light", "dark", "system")
PROOF_MS = 10 * MINUTE  # how long a password that was given again counts


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A request of somebody who is logged in."""

    services: Services
    request: Request
    present: Present
    view: TenantView
    fields: Mapping[str, str]  # what was posted
    files: Mapping[str, bytes] = field(default_factory=dict)
    until: Moment | None = None  # of somebody of the platform who looks in: until when

    @property
    def staff(self) -> Staff:
        return self.present.staff

    @property
    def email(self) -> str:
        """The address with which they log in."""
        return self.staff.email(self.services.vault)

    @property
    def now(self) -> Moment:
        return self.services.clock.now()

    @property
    def query(self) -> Mapping[str, str]:
        """The fields of the address."""
        return forms.query(self.request)

    @property
    def address(self) -> str:
        """Where the request comes from."""
        return source_of(self.request, self.services.settings.trusted_proxies)

    @property
    def bulletin(self) -> Bulletin | None:
        """What the operator has to tell, and they have not read yet."""
        found: Bulletin | None = self.request.scope.get("bando.bulletin")
        return found

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.view.tenant.timezone, self.now)

    def may(self, permission: Permission) -> bool:
        if self.until is not None:
            return permission in roles.VISITOR
        on = self.view.tenant.active or permission in roles.WHEN_OFF
        return on and roles.may(self.staff.role, permission)

    def must(self, permission: Permission) -> None:
        """Raise `Refused("not-allowed")` without this permission."""
        if not self.may(permission):
            raise Refused("not-allowed", status=403)

    async def read(self, unit: Callable[..., Unit[T]], *args: Any, **kwargs: Any) -> T:
        """Read of this ISP, in one snapshot."""
        return await self.services.db.read(self.view.tenant.id, unit, *args, **kwargs)

    async def act(
        self,
        act: str,
        subject: str | Callable[[T], str],
        unit: Callable[..., Unit[T]],
        *args: Any,
        before: object = None,
        after: object = None,
        money: bool = False,
        **kwargs: Any,
    ) -> T:
        """Change something, and write down who did it, in one transaction.

        `act` is a word of the audit log, `subject` what it was done to (``device:12``), or what says so of a result
        that nobody knows before; `before` and `after` are what staff should read there later.
        """
        payload = {"name": self.staff.name, "address": self.address, "before": before, "after": after}
        written = partial(
            audit.append,
            self.services.vault,
            actor=f"staff:{self.staff.public}",
            act=act,
            payload={key: value for key, value in payload.items() if value is not None},
            now=self.now,
            money=money,
        )
        return await self.services.db.write(self.view.tenant.id, audited, unit, args, kwargs, subject, written)

    @property
    def csrf(self) -> str:
        """What each form of this login carries."""
        return csrf_of(self.services.vault, self.present)

    @property
    def proven(self) -> bool:
        """Whether the password was given lately."""
        return self.now - self.present.login.proven_at <= PROOF_MS

    def page(self, name: str, status: int = 200, **values: Any) -> Response:
        """The page `name` as an answer."""
        html = render.page(
            name,
            desk=self,
            staff=self.staff,
            tenant=self.view.tenant,
            may=self.may,
            csrf=self.csrf,
            calendar=self.calendar,
            theme=theme_of(self.request),
            here=self.request.url.path,
            said=said.of(self.request),
            **values,
        )
        return answer(self.request, html, status)

    def go(self, path: str, said: str = "", **query: str) -> Response:
        """Go to a page of the console, which says `said` (a key of said.py) once."""
        asked = urlencode({**query, **({"said": said} if said else {})})
        return see_other(f"{path}?{asked}" if asked else path)


def audited(
    unit: Callable[..., Unit[T]],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    subject: str | Callable[[T], str],
    written: Callable[..., Unit[int]],
) -> Unit[T]:
    """The change, and its line in the audit log."""
    done = yield from unit(*args, **kwargs)
    yield from written(subject=subject if isinstance(subject, str) else subject(done))
    return done


def csrf_of(vault: Vault, present: Present) -> str:
    """A word that only pages of this login know."""
    return vault.index(present.tenant_id, "console form", present.login_token_key.hex()).hex()


def check_csrf(desk: Desk) -> None:
    """Raise `Refused("foreign")` when the form is not one of ours."""
    refuse_foreign(desk.request, desk.services.settings.public_url)
    if not hmac.compare_digest(desk.fields.get("csrf", "").encode(), desk.csrf.encode()):
        raise Refused("foreign", status=403)


def theme_of(request: Request) -> str:
    """light, dark or system."""
    asked = request.cookies.get(THEME, "system")
    return asked if asked in THEMES else "system"
