"""Voiding a batch or a part of it: first what would happen, then a reason."""

from __future__ import annotations

from starlette.responses import Response

from portal.console.desk import Desk
from portal.console.vouchers import lists, store
from portal.console.vouchers.form import one_line
from portal.console.vouchers.making import room
from portal.errors import Refused
from portal.vouchers import asked as typed
from portal.vouchers import batches
from portal.vouchers.print_run import part
from portal.vouchers.store import Batch

LONGEST_REASON = 200


async def ask(desk: Desk) -> Response:
    """What would be voided."""
    return await _page(desk, await lists.found(desk), desk.query.get("serials", "").strip())


async def _page(desk: Desk, batch: Batch, serials: str, wrong: str = "", status: int = 200) -> Response:
    span = typed.serials(serials, batch.count)
    if span is None:
        wrong, status = "serials", 400
    first, last = span or (1, batch.count)
    tally = await desk.read(store.tally_of, batch, first, last, desk.now)
    return desk.page(
        "batch_void",
        status,
        batch=batch,
        serials=part(first, last),
        part=part,
        whole=(first, last) == (1, batch.count),
        tally=tally,
        reason=desk.fields.get("reason", "")[:LONGEST_REASON],
        end=desk.fields.get("end") == "1",
        wrong=wrong,
    )


async def void(desk: Desk) -> Response:
    """Void it; thousands are voided after the answer."""
    batch = await lists.found(desk)
    serials = desk.fields.get("serials", "").strip()
    span = typed.serials(serials, batch.count) if serials else None
    try:
        if span is None:
            raise Refused("serials")
        reason = one_line(desk.fields.get("reason", ""))
        _check(desk, batch, reason)
    except Refused as wrong:
        return await _page(desk, batch, serials, wrong.key, wrong.status)
    subject, end = f"batch:{batch.id}", desk.fields.get("end") == "1"
    with desk.services.work.held(desk.view.tenant.id, subject):
        try:
            await _written_down(desk, batch, span, reason, end)
        except Refused as wrong:
            return await _page(desk, batch, serials, wrong.key, wrong.status)
        job = room(desk).carry_out(
            batch, *span, reason=reason, by=desk.staff.name, staff_id=desk.staff.id, end_passes=end
        )
        await desk.services.work.begin(desk.view.tenant.id, subject, job)
    return desk.go(f"/console/vouchers/batch/{batch.id}", "voided")


def _check(desk: Desk, batch: Batch, reason: str) -> None:
    if not reason:
        raise Refused("void-reason")
    if batch.ready_at is None:
        raise Refused("batch-unready", status=409)
    desk.services.work.must_be_free(desk.view.tenant.id, f"batch:{batch.id}")


async def _written_down(desk: Desk, batch: Batch, span: tuple[int, int], reason: str, end: bool) -> None:
    batches.check_void(batch, *span, reason, desk.staff.name)
    tally = await desk.read(store.tally_of, batch, *span, desk.now)
    taken = tally.counts["printed"] + tally.counts["expired"]
    if not taken and not (end and tally.counts["redeemed"]):
        raise Refused("void-nothing", status=409)
    await desk.act(
        "voucher.void",
        f"batch:{batch.id}",
        store.batch,
        batch.id,
        before={"unused": taken, "in_use": tally.counts["redeemed"]},
        after={"serials": part(*span), "reason": reason, "end_passes": end},
    )
