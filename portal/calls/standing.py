"""How the calls of a router stand, for whoever looks at it: in words, and as what its script needs. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.calls import service
from portal.calls.beat import Beat, latest
from portal.clock import MINUTE, Moment
from portal.findings import Finding, fault, warning
from portal.mikrotik.calling import SENTENCES, Calling, authority_of
from portal.seal import Vault
from portal.tenancy.store import Router

SILENT_MS = 5 * MINUTE  # as for routers that are called (portal/watch)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A router that may call. `told` is None until it has called; `behind`: there are later wishes than it has done."""

    told: Beat | None
    at: Moment | None
    wished: int

    @property
    def behind(self) -> bool:
        return self.told is not None and self.told.applied < self.wished

    @property
    def trouble(self) -> str:
        """What went wrong at the call before the last, in words."""
        return SENTENCES.get(self.told.trouble, "") if self.told else ""

    def silent(self, now: Moment) -> bool:
        return self.at is not None and now - self.at >= SILENT_MS


def standing(router: Router) -> Standing | None:
    """None: it may not call."""
    if router.call_hash is None:
        return None
    told = latest(router.beat)
    return Standing(told=told, at=router.beat_at, wished=router.call_version)


def calling_of(vault: Vault, router: Router, authority: str) -> Calling | None:
    """What its set-up script needs, None for a router that may not call; raises `Misconfigured`."""
    keys = service.keys(vault, router)
    if keys is None:
        return None
    return Calling(token=keys.token, inner=keys.inner, outer=keys.outer, authority=authority_of(authority))


def sentences(router: Router, heard: str) -> Iterator[str]:
    """For the command line; `heard` is when it called last."""
    found = standing(router)
    if found is None:
        yield f"{router.name} may not call."
        return
    if found.told is None:
        yield f"{router.name} may call, and has not yet."
        return
    told = found.told
    yield f"{router.name} called {heard} from {told.source}: RouterOS {told.version}, {told.board}."
    yield f"Wishes: {told.applied} of {found.wished} fulfilled." + (f" {found.trouble}." if found.trouble else "")


def findings(router: Router, now: Moment) -> list[Finding]:
    """What the doctor says of a router that may call."""
    found = standing(router)
    if found is None:
        return []
    if found.told is None:
        return [warning("calls-never", "It may call, and never has.", "Import its set-up script on the router.")]
    if found.silent(now):
        sentence = "It has not called for more than five minutes."
        return [fault("calls-silent", sentence, "Check its power and its internet, then /log print on the router.")]
    if found.trouble:
        return [warning("calls-trouble", f"It says: {found.trouble}.", "See the log of the router: /log print")]
    if found.behind:
        sentence = f"It has fulfilled wishes number {found.told.applied} of {found.wished}."
        return [warning("calls-behind", sentence, "Wait two minutes; then see the log of the router.")]
    return []
