"""What each line for staff means and what to do about it; the manual says the same at more length."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """A line in words."""

    title: str
    do: str
    money: bool = True  # it stays in the audit log as long as payments do


_SEARCH = "Look for it in M-Pesa's own list. If the money is there, give the guest a pass; else nothing is owed."

ADVICE: dict[str, Advice] = {
    "unmatched-money": Advice(
        "Money that matched nothing",
        "Ask the payer. A guest can claim it under “Already paid?” when one plan costs just as much; else give a pass,"
        " or send it back.",
    ),
    "two-candidates": Advice(
        "Money that fits two payments",
        "Compare times and numbers in M-Pesa's own list; give a pass if one is missing.",
    ),
    "two-payments": Advice(
        "One device paid twice",
        "Ask the guest whether that was wanted; if not, end the second pass and send the money back.",
    ),
    "came-after-all": Advice(
        "Money that was given up is here",
        "The guest did pay: give them a new pass, or the money back.",
    ),
    "wrong-amount": Advice("Money, but not what was asked for", "Give a pass that fits, or send the money back."),
    "wrong-ids": Advice("A success that names another request", _SEARCH),
    "receipt-used": Advice("A receipt that has paid already", _SEARCH),
    "receipt-elsewhere": Advice("A receipt that is in the books already", _SEARCH),
    "second-receipt": Advice("A second receipt for one payment", "The guest paid twice: send one back or give a pass."),
    "receipt-missing": Advice(
        "Paid, and still no receipt",
        "Find it in M-Pesa's own list, and check that the C2B addresses are registered.",
    ),
    "unproven": Advice("A success that nothing has proven", _SEARCH),
    "unknown-outcome": Advice(
        "Nobody knows what became of a prompt",
        "Look in M-Pesa's own list for its amount and reference. With registered C2B addresses it settles by itself.",
    ),
    "unknown-id": Advice(
        "A success that M-Pesa does not know",
        "Somebody may be forging callbacks. Look in M-Pesa's own list, and let only M-Pesa's addresses in.",
    ),
    "unlisted-source": Advice(
        "A confirmation from an unknown address",
        "Nothing was credited. If M-Pesa's own list shows the money, have its address added, and give a pass.",
    ),
    "wrong-shortcode": Advice(
        "A confirmation for another number",
        "Check at M-Pesa which addresses are registered for which number.",
    ),
    "contradicted": Advice(
        "A paid payment was later called failed",
        "It stays paid. Look in M-Pesa's own list; if the money was taken back, end the pass.",
    ),
    "money-in-review": Advice("Money for a payment that is looked at", "Decide both together."),
    "payer-erased": Advice(
        "Money for somebody who was erased",
        "No pass was made: nobody is left whose it would be. Send the money back; M-Pesa knows by the receipt to whom.",
    ),
    "tenant-closed": Advice("Money while the shop was closed", "Send it back, or open again and give a pass."),
    "mpesa-config": Advice(
        "M-Pesa refuses the account",
        "Guests cannot pay. The credentials, the passkey, the number or its kind are wrong: have them put in anew.",
    ),
    "mpesa-shop-limit": Advice(
        "The M-Pesa account is full",
        "Guests cannot pay. Raise the limit of the till or paybill at M-Pesa, or empty it.",
    ),
    "mass-removal": Advice(
        "A router would lose most of its guests",
        "Nothing was removed. Was the database restored, or is there a second installation? Look before you allow it.",
        money=False,
    ),
    "foreign-user": Advice(
        "A hotspot user that is not ours has a name of ours", "Rename or remove it on the router.", money=False
    ),
    "failed-to-add-queue": Advice("The router refuses a rate", "Sell the plan with another rate.", money=False),
    "licence-full": Advice(
        "The router's licence is full",
        "It needs a higher licence level. Guests see that the site is full.",
        money=False,
    ),
    "no-free-address": Advice(
        "The router has no address left", "Give the hotspot a larger pool, or a shorter lease time.", money=False
    ),
    "voucher-guesses": Advice(
        "Many wrong voucher codes",
        "They are slowed, and M-Pesa stays open. See whether a batch is void or over; else somebody tries codes.",
        money=False,
    ),
    "unregistered": Advice(
        "Nothing was sent to somebody who is not registered",
        "Put them back under Settings, Processors; or remove what sends there: the account, or the address of alarms.",
        money=False,
    ),
    "paper-ends": Advice(
        "A paper of yours ends",
        "Renew it, then put the new date into your profile: the line goes by itself.",
        money=False,
    ),
    "records-erased": Advice(
        "The ISP is closed, and its records are erased soon",
        "Take them away under “Export”. Until then whoever runs the installation can open the ISP again.",
        money=False,
    ),
    "wrong-mac": Advice(
        "Somebody claimed a device that is elsewhere", "Nothing, unless it happens often.", money=False
    ),
}


def advice(kind: str) -> Advice:
    """What to say of a kind; of an unknown one its own name."""
    if kind.startswith("mpesa-"):
        return ADVICE.get(kind, Advice("M-Pesa refuses payments", "Guests cannot pay. Look at the account at M-Pesa."))
    return ADVICE.get(kind, Advice(kind.replace("-", " ").capitalize(), "See the manual.", money=False))
