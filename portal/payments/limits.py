"""How often a phone may ring and how often a receipt may be guessed: arithmetic on the nth latest occurrence.

"At most n in a window" holds when the nth latest one is older than the window. The counts live in the database
and are read and written by the very transaction that makes the payment, so neither a restart nor a thousand
devices at once get past them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from portal.clock import DAY, HOUR, MINUTE, Moment
from portal.errors import Refused
from portal.payments.counts import store as counts
from portal.seal import Vault
from portal.settings import Settings
from portal.units import Unit

PROMPT_WINDOW_MS = 10 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Budget:
    """At most `count` in `window_ms` for one subject of a bucket; `refusal` is what the guest is told."""

    bucket: str
    subject: object
    count: int
    window_ms: int
    refusal: str


def wait_ms(nth_latest: Moment | None, window_ms: int, now: Moment) -> int:
    """How long until one more fits, when the budget's last place was taken at `nth_latest`."""
    return 0 if nth_latest is None else max(0, nth_latest + window_ms - now)


def seconds(span_ms: int) -> int:
    """Whole seconds, rounded up, for a page."""
    return -(-span_ms // 1000)


def prompt_budgets(settings: Settings, phone_index: bytes, device_id: int, router_id: int) -> tuple[Budget, ...]:
    """What one more prompt must fit into; the device first, so that it learns nothing about a phone."""
    short, phone = PROMPT_WINDOW_MS, "prompt-limit-phone"
    spec: tuple[tuple[str, object, int, int, str], ...] = (
        ("device", device_id, settings.prompts_device, short, "prompt-limit-device"),
        ("phone", phone_index, settings.prompts_phone, short, phone),
        ("phone", phone_index, settings.prompts_phone_day, DAY, phone),
        ("router", router_id, settings.prompts_router, short, "shop-busy"),
        ("tenant", None, settings.prompts_tenant, short, "shop-busy"),
    )
    return tuple(Budget(bucket=b, subject=s, count=c, window_ms=w, refusal=r) for b, s, c, w, r in spec)


def check_prompts(budgets: Iterable[Budget], now: Moment) -> Unit[None]:
    """Raises `Refused` with the time to wait when one more prompt does not fit."""
    for each in budgets:
        nth = yield from counts.nth_prompt(each.bucket, each.subject, each.count)
        wait = wait_ms(nth, each.window_ms, now)
        if wait:
            raise Refused(each.refusal, status=429, wait_s=seconds(wait))


# --- guesses ---

# Failed guesses in an hour. A number has about 36^7 possibilities even when its date is known, and the paying
# number must fit too, so these only keep the noise down. All guests of a site may share one source address.
GUESSES_AN_HOUR = {"device": 5, "router": 60, "source": 60, "tenant": 300}
GUESS_KEPT_MS = DAY


def guess_subjects(vault: Vault, tenant: int, mac: str, router_id: int, source: str) -> dict[str, bytes]:
    """Who guesses, as keyed hashes in independent buckets."""
    plain = {"device": mac, "router": str(router_id), "source": source, "tenant": str(tenant)}
    return {bucket: vault.index(tenant, f"guess-{bucket}", text) for bucket, text in plain.items()}


def reserve_guess(door: str, subjects: dict[str, bytes], now: Moment) -> Unit[list[int]]:
    """Count a guess before it is looked at, so that many at once cannot pass; raises `Refused("guess-limit")`.

    Whoever guessed right takes it back with `counts.delete_guesses`.
    """
    for bucket, subject in subjects.items():
        nth = yield from counts.nth_guess(door, bucket, subject, GUESSES_AN_HOUR[bucket])
        wait = wait_ms(nth, HOUR, now)
        if wait:
            raise Refused("guess-limit", status=429, wait_s=seconds(wait))
    made: list[int] = []
    for bucket, subject in subjects.items():
        made.append((yield from counts.insert_guess(door=door, bucket=bucket, subject=subject, guessed_at=now)))
    return made


def give_back(guess_ids: Sequence[int]) -> Unit[None]:
    """The guess was right."""
    yield from counts.delete_guesses(guess_ids)
