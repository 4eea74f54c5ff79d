"""What docs/manual shows of the console, picture by picture."""

from __future__ import annotations

import random

from sandbox.manual import Shot, clicked, pasted, searched


def old_cards() -> str:
    """A table of another system: cards that are good, such as are easy to guess, and such as anybody would guess."""
    chance = random.Random(7)
    kinds = (
        (40, 8, "abcdefghjkmnpqrstuvwxyz23456789"),
        (500, 6, "abcdefghjkmnpqrstuvwxyz23456789"),
        (12, 4, "0123456789"),
    )
    codes = ["".join(chance.choices(letters, k=size)) for count, size, letters in kinds for _ in range(count)]
    lines = (f"Siku moja,50,1d,{code}" for code in codes)
    return "\n".join(("plan,price,time,code", *lines, "Week,200,7d,", "Home fibre,2000,,"))


SHOTS: tuple[Shot, ...] = (
    Shot(name="dashboard", path="/"),
    Shot(name="dashboard-phone", path="/", size="phone"),
    Shot(name="guest-found", path="/", way=searched("SKH0000020")),
    Shot(name="guest-found-phone", path="/", way=searched("SKH0000020"), size="phone"),
    Shot(name="online", path="/online"),
    Shot(name="online-phone", path="/online", size="phone"),
    Shot(name="payments", path="/payments"),
    Shot(name="queue", path="/payments/queue"),
    Shot(name="sale-phone", path="/sale", size="phone"),
    Shot(name="batches", path="/vouchers"),
    Shot(name="batch-new", path="/vouchers/new", whole=True),
    Shot(name="batch", path="/vouchers", way=clicked("B2"), whole=False),
    Shot(name="plans", path="/plans"),
    Shot(name="plan-new", path="/plans/new", whole=True),
    Shot(name="takings", path="/takings"),
    Shot(name="usage", path="/usage?span=30"),
    Shot(name="books", path="/books?span=30", whole=True),
    Shot(name="report", path="/books/report?by=plan&span=30"),
    Shot(name="drawer", path="/drawer"),
    Shot(name="check", path="/check", whole=True),
    Shot(name="refund-phone", path="/payments/20/refund", size="phone", whole=True),
    Shot(name="alarms", path="/alarms", whole=True),
    Shot(name="routers", path="/routers"),
    Shot(name="router", path="/routers/1"),
    Shot(name="settings", path="/settings"),
    Shot(name="retention", path="/settings/retention?count=yes", whole=True),
    Shot(name="support", path="/support"),
    Shot(name="export", path="/export"),
    Shot(name="import", path="/imports", way=pasted("#pasted", old_cards()), whole=True),
    Shot(name="isps", path="/isps", size="platform"),
    Shot(name="staff", path="/staff", whole=True),
    Shot(name="audit", path="/audit"),
    Shot(name="account", path="/account", whole=True),
)
