"""What docs/manual shows of the console, picture by picture."""

from __future__ import annotations

from sandbox.manual import Shot, clicked, searched

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
    Shot(name="routers", path="/routers"),
    Shot(name="router", path="/routers/1"),
    Shot(name="settings", path="/settings"),
    Shot(name="support", path="/support"),
    Shot(name="export", path="/export"),
    Shot(name="isps", path="/isps", size="platform"),
    Shot(name="staff", path="/staff", whole=True),
    Shot(name="audit", path="/audit"),
    Shot(name="account", path="/account", whole=True),
)
