"""The opening of the books: what was paid, sold and redeemed before there were books, posted as it happened.

Cash from before is taken as handed over, and what agents owed for cards redeemed by then as settled: whoever kept it
on paper until now begins with empty drawers and with debts for the cards that are still out.
"""

from __future__ import annotations

from sqlalchemy import Connection

_INTO = (
    "INSERT INTO transfers (tenant_id, kind, cause, debit, credit, amount_minor, currency, posted_at, happened_at,"
    " account_id, staff_id, agent_id, plan_id, router_id) SELECT "
)
_CARDS = "vouchers v JOIN batches b ON b.id = v.batch_id WHERE b.price_minor > 0 AND b.ready_at IS NOT NULL"
_COUNTER = "b.count = 1 AND b.note = 'counter sale' AND b.staff_id IS NOT NULL"

WHAT_WAS = (
    # M-Pesa
    f"{_INTO} tenant_id, 'receipt', CAST(id AS TEXT), 'mpesa', 'unplaced', amount_minor, currency, seen_at, paid_at,"
    " account_id, NULL, NULL, NULL, NULL FROM receipts WHERE amount_minor > 0",
    f"{_INTO} r.tenant_id, 'placed', CAST(r.id AS TEXT), 'unplaced', 'transit', r.amount_minor, r.currency,"
    " COALESCE(p.settled_at, r.seen_at), r.paid_at, r.account_id, NULL, NULL, NULL, NULL"
    " FROM receipts r JOIN payments p ON p.id = r.payment_id WHERE r.amount_minor > 0",
    f"{_INTO} tenant_id, 'sent-back', CAST(id AS TEXT), 'unplaced', 'mpesa', amount_minor, currency, seen_at, paid_at,"
    " account_id, NULL, NULL, NULL, NULL FROM receipts WHERE state = 'returned' AND amount_minor > 0",
    f"{_INTO} tenant_id, 'paid', public, 'transit', 'revenue', amount_minor, currency,"
    " COALESCE(settled_at, created_at), NULL, account_id, NULL, NULL, plan_id, router_id FROM payments"
    " WHERE state = 'paid' AND amount_minor > 0",
    # cards that were sold at the counter, or made for an agent
    "UPDATE vouchers SET sold_at = (SELECT b.created_at FROM batches b WHERE b.id = vouchers.batch_id),"
    " agent_id = (SELECT b.agent_id FROM batches b WHERE b.id = vouchers.batch_id)"
    f" WHERE batch_id IN (SELECT b.id FROM batches b WHERE b.ready_at IS NOT NULL AND (({_COUNTER})"
    " OR b.agent_id IS NOT NULL))",
    f"{_INTO} v.tenant_id, 'sold', v.label, 'cash', 'vouchers', b.price_minor, b.currency, b.created_at, NULL, NULL,"
    f" b.staff_id, NULL, b.plan_id, NULL FROM {_CARDS} AND {_COUNTER}",
    f"{_INTO} v.tenant_id, 'sale-undone', v.label, 'vouchers', 'cash', b.price_minor, b.currency, v.voided_at, NULL,"
    f" NULL, b.staff_id, NULL, b.plan_id, NULL FROM {_CARDS} AND {_COUNTER} AND v.state = 'void'"
    " AND v.redeemed_at IS NULL",
    f"{_INTO} tenant_id, 'handed-out', 'B' || number, 'agents', 'vouchers', price_minor * count, currency, created_at,"
    " NULL, NULL, NULL, agent_id, plan_id, NULL FROM batches WHERE agent_id IS NOT NULL AND ready_at IS NOT NULL"
    " AND price_minor > 0",
    f"{_INTO} v.tenant_id, 'taken-back', v.label, 'vouchers', 'agents', b.price_minor, b.currency, v.voided_at, NULL,"
    f" NULL, NULL, b.agent_id, b.plan_id, NULL FROM {_CARDS} AND b.agent_id IS NOT NULL AND v.state = 'void'"
    " AND v.redeemed_at IS NULL",
    # what was redeemed
    f"{_INTO} v.tenant_id, CASE WHEN v.sold_at IS NULL THEN 'redeemed-stock' ELSE 'redeemed' END, v.label,"
    " CASE WHEN v.sold_at IS NULL THEN 'uncounted' ELSE 'vouchers' END, 'revenue', b.price_minor, b.currency,"
    " v.redeemed_at, NULL, NULL, NULL, v.agent_id, b.plan_id, v.redeemed_router_id"
    f" FROM {_CARDS} AND v.redeemed_at IS NOT NULL",
    # what is taken as handed over and settled
    f"{_INTO} tenant_id, 'handed-over', staff_id || ':0', 'safe', 'cash', SUM(CASE WHEN kind = 'sold' THEN amount_minor"
    " ELSE -amount_minor END), currency, MAX(posted_at), NULL, NULL, staff_id, NULL, NULL, NULL FROM transfers"
    " WHERE kind IN ('sold', 'sale-undone') GROUP BY tenant_id, staff_id, currency"
    " HAVING SUM(CASE WHEN kind = 'sold' THEN amount_minor ELSE -amount_minor END) > 0",
    f"{_INTO} tenant_id, 'brought-forward', CAST(agent_id AS TEXT), 'safe', 'agents', SUM(amount_minor), currency,"
    " MAX(posted_at), NULL, NULL, NULL, agent_id, NULL, NULL FROM transfers"
    " WHERE kind = 'redeemed' AND agent_id IS NOT NULL GROUP BY tenant_id, agent_id, currency",
)


def post_what_was(connection: Connection) -> None:
    """Post all of it, in this order."""
    for statement in WHAT_WAS:
        connection.exec_driver_sql(statement)
