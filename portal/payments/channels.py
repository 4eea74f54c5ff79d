"""What each channel says, turned into evidence: callback, query answer, C2B confirmation.

Each checks what it can (ids, amount, source, number of the shop) and hands over to `settle`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from portal.clock import Moment
from portal.payments import mpesa, payment, store
from portal.payments.accounts import MPESA, Account
from portal.payments.provider import Notice
from portal.payments.settle import (
    LINES,
    MoneyMoved,
    Said,
    known_receipt,
    payer_index,
    payers_phone,
    same_payer,
    settle,
)
from portal.payments.store import Payment
from portal.seal import Vault
from portal.tenancy.store import open_exception, say_again
from portal.units import Unit


def settle_callback(
    vault: Vault, account: Account, one: Payment, notice: Notice, now: Moment, *, trusted: bool, open_shop: bool
) -> Unit[str]:
    """What the provider says by itself about a payment."""
    if notice.meaning not in ("success", "failure"):
        return "pending"
    if notice.meaning == "failure":
        ours = _ids_fit(vault, one, notice)
        return (yield from _settle_failure(vault, account, one, notice, "stk", now)) if ours else "wrong-ids"
    money = _money(account, one, notice)
    said = Said(kind="success", via="stk", money=money)
    if not _ids_fit(vault, one, notice):
        said = replace(said, kind="mismatch", reason="wrong-ids")
    elif notice.amount is not None and notice.amount != one.amount:
        said = replace(said, kind="mismatch", reason="wrong-amount")
    elif not open_shop and one.state != "paid":
        said = replace(said, kind="mismatch", reason="tenant-closed")
    elif one.state != "paid" and (money is None or not trusted):
        said = replace(said, kind="doubtful", money=None)
    return (yield from settle(vault, one, said, now))


def settle_named(
    vault: Vault, account: Account, one: Payment | None, notice: Notice, now: Moment, *, trusted: bool, open_shop: bool
) -> Unit[str]:
    """What a provider says at an account's own address about the payment that it names."""
    if one is None or one.account_id != account.id:
        if notice.meaning != "success" or notice.receipt is None or notice.amount is None or not trusted:
            return "unknown-payment"
        return (yield from settle_c2b(vault, account, notice, now, trusted=trusted, open_shop=open_shop))
    if not trusted:  # whoever it was has said nothing; but the provider can be asked
        return (yield from settle(vault, one, Said(kind="doubtful", via="callback"), now))
    return (yield from settle_callback(vault, account, one, notice, now, trusted=trusted, open_shop=open_shop))


def _settle_failure(vault: Vault, account: Account, one: Payment, notice: Notice, via: str, now: Moment) -> Unit[str]:
    if notice.alert:
        yield from alert(account, notice.reason or "", "", now)
    return (yield from settle(vault, one, Said(kind="failure", via=via, reason=notice.reason), now))


def alert(account: Account, reason: str, detail: str, now: Moment) -> Unit[None]:
    """Something at the provider that only staff can mend."""
    whose = f"M-Pesa refuses payments to {account.pay_number}"
    if account.provider != MPESA:
        whose = f"{account.provider.capitalize()} refuses payments"
    text = f"{whose} ({reason}). {detail}".strip()
    yield from say_again(f"mpesa-{reason}", f"account:{account.public}", text, now)


def _ids_fit(vault: Vault, one: Payment, notice: Notice) -> bool:
    """Whether the ids are those that the push was given, as far as we know them."""
    merchant, checkout = one.merchant_request(vault), one.checkout_request(vault)
    return merchant in ("", notice.merchant_request) and checkout in ("", notice.checkout_request)


def _money(account: Account, one: Payment, notice: Notice) -> MoneyMoved | None:
    """The money of a notice about this payment; None when it names no receipt, or no amount."""
    if notice.receipt is None or notice.amount is None:
        return None
    return MoneyMoved(
        number=notice.receipt,
        provider=account.provider,
        environment=one.environment,
        amount=notice.amount,
        account_id=one.account_id,
        shortcode=account.pay_number,
        account_ref=one.account_ref,
        payer_tail=one.phone_tail,  # the number in a callback identifies nobody
        paid_at=notice.paid_at,
    )


def settle_query(
    vault: Vault, account: Account, one: Payment, notice: Notice, now: Moment, *, open_shop: bool
) -> Unit[str]:
    """The answer to our own question; that of M-Pesa carries neither receipt nor amount."""
    age = now - (one.submitted_at or one.created_at)
    if notice.meaning == "unknown-id":
        forged = age >= payment.PROMPT_LIVES_MS and (yield from store.has_doubtful(one.id))
        said = Said(kind="mismatch", via="query", reason="unknown-id")
        return (yield from settle(vault, one, said, now)) if forged else "unknown-id"
    if notice.meaning == "pending" or notice.checkout_request not in ("", one.checkout_request(vault)):
        return "pending"
    if notice.meaning == "success":
        said = Said(kind="success", via="query", money=_money(account, one, notice))
        if not open_shop:
            said = replace(said, kind="mismatch", reason="tenant-closed")
        return (yield from settle(vault, one, said, now))
    if age >= notice.final_after_ms:
        return (yield from _settle_failure(vault, account, one, notice, "query", now))
    return "pending"


# --- C2B ---


def settle_c2b(
    vault: Vault,
    account: Account,
    notice: Notice,
    now: Moment,
    *,
    trusted: bool,
    open_shop: bool,
    via: str = "c2b",
) -> Unit[str]:
    """Money reached the account, by a prompt or by hand; `via` says where that is written."""
    money = _c2b_money(vault, account, notice)
    subject = f"receipt:{notice.receipt}"
    if not trusted:
        return (yield from _untrusted_c2b(vault, account, money, now))
    found = yield from known_receipt(money, via, now)
    if found is None:
        yield from open_exception("receipt-elsewhere", subject, LINES["receipt-elsewhere"], now)
        return "receipt-elsewhere"
    if found.state != "unmatched":
        return "known"
    if not account.owns(notice.shortcode):
        yield from store.set_receipt_state(found.id, "review")
        yield from open_exception("wrong-shortcode", subject, LINES["wrong-shortcode"], now)
        return "wrong-shortcode"
    fitting = yield from payments_for(vault, account, money, now)
    if len(fitting) == 1:
        return (yield from settle(vault, fitting[0], _c2b_said(fitting[0], money, open_shop, via), now))
    kind = "two-candidates" if fitting else "unmatched-money"
    if fitting:
        yield from store.set_receipt_state(found.id, "review")
    yield from open_exception(
        kind, subject, f"{LINES[kind]} {money.amount}, reference {mpesa.shown_ref(money.account_ref)!r}.", now
    )
    return kind


def _c2b_money(vault: Vault, account: Account, notice: Notice) -> MoneyMoved:
    assert notice.receipt is not None
    assert notice.amount is not None
    return MoneyMoved(
        number=notice.receipt,
        provider=account.provider,
        environment=account.environment,
        amount=notice.amount,
        account_id=account.id,
        shortcode=notice.shortcode,
        account_ref=notice.account_ref,
        payer_tail=mpesa.tail_of(notice.payer),
        payer_index=payer_index(vault, notice.payer),
        paid_at=notice.paid_at,
    )


def _c2b_said(one: Payment, money: MoneyMoved, open_shop: bool, via: str) -> Said:
    said = Said(kind="success", via=via, money=money)
    if money.amount != one.amount:
        return replace(said, kind="mismatch", reason="wrong-amount")
    return said if open_shop or one.state == "paid" else replace(said, kind="mismatch", reason="tenant-closed")


def _untrusted_c2b(vault: Vault, account: Account, money: MoneyMoved, now: Moment) -> Unit[str]:
    """From an address that is not on the list: no proof, but a reason to ask."""
    for each in (yield from payments_for(vault, account, money, now)):
        yield from settle(vault, each, Said(kind="doubtful", via="c2b"), now)
    yield from open_exception("unlisted-source", f"account:{account.public}", LINES["unlisted-source"], now)
    return "unlisted-source"


def payments_for(vault: Vault, account: Account, money: MoneyMoved, now: Moment) -> Unit[Sequence[Payment]]:
    """The payments that this money may belong to; one is a match, several are for staff.

    The reference decides. Without one: a payment whose receipt is to come, or at a till (which knows no
    references) any payment about that time, of this amount and payer; those that failed only if no other fits.
    """
    if money.account_ref:
        named = yield from store.payment_by_ref(money.account_ref, account.environment)
        if named is not None:
            return (named,)
    at = now if money.paid_at is None else money.paid_at
    near = yield from store.without_receipt(account.id, money.amount, money.payer_tail, at, payment.BELONGS_MS)
    fitting: list[Payment] = []
    for each in near:
        phone = yield from payers_phone(vault, each)
        if same_payer(vault, money.payer_tail, money.payer_index, phone):
            fitting.append(each)
    to_come = [each for each in fitting if each.state == "paid"]
    if account.kind != "till":
        return to_come
    live = [each for each in fitting if each.state != "failed"]
    return live or _newest_of_one_device(fitting)


def _newest_of_one_device(failed: Sequence[Payment]) -> Sequence[Payment]:
    """Failed attempts of one device for one plan are one wish: the newest stands for them."""
    wishes = {(each.device_id, each.plan.public) for each in failed}
    return failed[-1:] if len(wishes) == 1 else failed
