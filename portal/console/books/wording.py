"""The accounts and facts of the books in words for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from portal.books.chart import Account

ACCOUNTS: Mapping[Account, tuple[str, str]] = MappingProxyType(
    {
        "mpesa": ("In M-Pesa", "what has come to your paybill or till, less what went back"),
        "transit": ("Receipts to come", "paid by M-Pesa's word; the receipt is not here yet"),
        "cash": ("In drawers", "cash that staff have taken and not handed over"),
        "safe": ("Handed over", "cash that came out of counted drawers"),
        "uncounted": (
            "Cash for your own cards",
            "cards of your stock that were redeemed; nobody has said who sold them",
        ),
        "agents": ("Owed by agents", "cards they were given, less what they brought back, earned and paid"),
        "unplaced": ("Money without an order", "it came, and bought nothing yet"),
        "vouchers": ("Sold, not redeemed", "time that you owe for cards"),
        "revenue": ("Takings", "what was paid by phone, and cards when they were redeemed"),
        "expired": ("Never redeemed", "cards that were sold, and expired or were lost"),
        "refunds": ("Given back", "reversals and cash"),
        "commissions": ("Commissions", "what agents earned"),
        "charges": ("Charges", "what the provider kept"),
        "differences": ("Missing", "what counts of drawers fell short, and money that never came"),
        "compensation": ("Free time given", "at its price; it is no money"),
    }
)
OWNED: tuple[Account, ...] = ("mpesa", "transit", "cash", "safe", "uncounted", "agents")
OWED: tuple[Account, ...] = ("vouchers", "unplaced")
EARNED: tuple[Account, ...] = ("revenue", "expired")
SPENT: tuple[Account, ...] = ("refunds", "commissions", "charges", "differences")

FACTS: Mapping[str, str] = MappingProxyType(
    {
        "receipt": "Money came in",
        "placed": "A receipt has its order",
        "paid": "An order was paid",
        "sent-back": "Money without an order went back",
        "sold": "Cards sold for cash",
        "sale-undone": "Sales undone, cash given back",
        "handed-out": "Cards handed out to an agent",
        "taken-back": "Cards taken back from an agent",
        "redeemed": "A card was redeemed",
        "redeemed-stock": "A card of your own stock was redeemed",
        "expired": "A sold card expired, or is lost",
        "commission": "An agent earned commission",
        "commission-undone": "Commission taken back",
        "settled": "Cash from agents",
        "refund-reversal": "Refunds by reversal",
        "refund-cash": "Refunds in cash",
        "charge": "The provider kept a charge",
        "not-there": "Money of a receipt that the provider does not list",
        "there-after-all": "Money of a receipt that the provider lists after all",
        "never-came": "Money of an order that never came",
        "came-after-all": "Money of an order that came after all",
        "counted": "Cash for cards of your own stock",
        "float": "Put in from the safe",
        "handed-over": "Handed over",
        "over": "Counted more than expected",
        "short": "Counted less than expected",
        "compensated": "Free time was given",
        "brought-forward": "From before there were books",
    }
)
