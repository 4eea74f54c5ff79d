"""The statements of evidence that comes after its payer was erased: whether they were, and what is not kept then."""

from __future__ import annotations

from portal.units import Sql, Unit, update, value


def payer_erased(person_id: int) -> Unit[bool]:
    found = yield from value(
        "SELECT COUNT(*) FROM persons WHERE tenant_id = :tenant AND id = :id AND erased_at IS NOT NULL", id=person_id
    )
    return bool(found)


def device_gone(device_id: int) -> Unit[bool]:
    found = yield from value(
        "SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant AND id = :id AND mac LIKE 'gone-%'", id=device_id
    )
    return bool(found)


def nobodys(person_id: int, device_id: int) -> Unit[bool]:
    """Whether a pass for this payer and device would be nobody's."""
    return (yield from payer_erased(person_id)) or (yield from device_gone(device_id))


def of_erased(number: str, environment: str, provider: str) -> Unit[bool]:
    """Whether this receipt is of somebody who was erased: it has paid a payment of theirs, or names it."""
    found = yield from value(
        "SELECT COUNT(*) FROM receipts r JOIN payments q ON q.tenant_id = r.tenant_id AND (q.id = r.payment_id"
        " OR r.payment_id IS NULL AND r.account_ref <> '' AND q.account_ref = r.account_ref"
        " AND q.environment = r.environment) JOIN persons w ON w.tenant_id = q.tenant_id AND w.id = q.person_id"
        " WHERE r.tenant_id = :tenant AND r.provider = :provider AND r.environment = :environment"
        " AND r.number = :number AND w.erased_at IS NOT NULL",
        number=number,
        environment=environment,
        provider=provider,
    )
    return bool(found)


def forget_payer(receipt_id: int) -> Unit[None]:
    """Nothing of the number by which a receipt was paid is kept."""
    yield from update("receipts", receipt_id, payer_tail=None, payer_index=None)


def forget_tail(row_id: int) -> Unit[None]:
    """The same of a row of a statement."""
    yield from update("statement_rows", row_id, payer_tail=None)


def empty_message(inbox_id: int) -> Unit[None]:
    yield Sql("UPDATE inbox SET body_sealed = NULL WHERE tenant_id = :tenant AND id = :id", {"id": inbox_id})
