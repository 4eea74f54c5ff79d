"""Another master key: all that is wrapped is wrapped anew, in one transaction; nothing is sealed anew.

Hashes, passwords of routers and addresses for callbacks come from the first master key for ever, since none of them
could be made again. It is kept as the root, wrapped by the new one.
"""

from __future__ import annotations

from portal.clock import Moment
from portal.db import Execute, Place, at_once
from portal.keys import store
from portal.keys.ring import ROOT, WrongKey, place_of, root_of
from portal.seal import NotOurs, Wrapping
from portal.units import Unit, drive


def exchange(place: Place, old: bytes, new: bytes, now: Moment) -> int:
    """Wrap everything with another master key; gives how many keys. Raises `WrongKey`, and then nothing is changed."""
    with at_once(place, write=True) as run:
        return _exchanged(run, old, new, now)


def _exchanged(run: Execute, old: bytes, new: bytes, now: Moment) -> int:
    before, after = Wrapping(old), Wrapping(new)
    root = root_of(before, drive(store.root(), None, run), old)
    owners = drive(store.owners(), None, run)
    done = sum(drive(_wrapped_anew(each, before, after), each, run) for each, _ in owners)
    drive(store.set_root(after.wrap(root, ROOT), now), None, run)
    return done


def _wrapped_anew(tenant: int, before: Wrapping, after: Wrapping) -> Unit[int]:
    done = 0
    for each in (yield from store.known()):
        if each.wrapped is None:
            continue
        place = place_of(tenant, each.name)
        try:
            key = before.unwrap(each.wrapped, place)
        except NotOurs:
            raise WrongKey from None
        yield from store.wrap_anew(each.id, after.wrap(key, place))
        done += 1
    return done
