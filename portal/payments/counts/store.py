"""The statements that count prompts and guesses; see `payments.limits`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from portal.clock import Moment
from portal.units import Sql, Unit, insert, value


def insert_prompt(**columns: Any) -> Unit[int]:
    return (yield from insert("prompts", **columns))


# What the prompts of each bucket are counted by; the tenant's own needs no more than its name.
PROMPT_BUCKETS = {
    "phone": "phone_index = :subject",
    "device": "device_id = :subject",
    "router": "router_id = :subject",
    "tenant": "tenant_id = :tenant",
}


def nth_prompt(bucket: str, subject: object, nth: int) -> Unit[Moment | None]:
    """When the nth latest prompt of a bucket was sent; None when there were fewer."""
    found: Moment | None = yield from value(
        f"SELECT sent_at FROM prompts WHERE tenant_id = :tenant AND {PROMPT_BUCKETS[bucket]}"
        " ORDER BY sent_at DESC LIMIT 1 OFFSET :skip",
        subject=subject,
        skip=nth - 1,
    )
    return found


def insert_guess(**columns: Any) -> Unit[int]:
    return (yield from insert("guesses", **columns))


def nth_guess(door: str, bucket: str, subject: bytes, nth: int) -> Unit[Moment | None]:
    """When the nth latest failed guess of a bucket was made; None when there were fewer."""
    found: Moment | None = yield from value(
        "SELECT guessed_at FROM guesses WHERE tenant_id = :tenant AND door = :door AND bucket = :bucket"
        " AND subject = :subject ORDER BY guessed_at DESC LIMIT 1 OFFSET :skip",
        door=door,
        bucket=bucket,
        subject=subject,
        skip=nth - 1,
    )
    return found


def delete_guesses(guess_ids: Iterable[int]) -> Unit[None]:
    """It was no guess after all."""
    for guess_id in guess_ids:
        yield Sql("DELETE FROM guesses WHERE tenant_id = :tenant AND id = :id", {"id": guess_id})


def forget_counts(guesses_before: Moment, prompts_before: Moment) -> Unit[None]:
    """Counters that no limit looks at any more (R8)."""
    yield Sql("DELETE FROM guesses WHERE tenant_id = :tenant AND guessed_at < :before", {"before": guesses_before})
    yield Sql("DELETE FROM prompts WHERE tenant_id = :tenant AND sent_at < :before", {"before": prompts_before})
