"""What a page says once, after something was done. Only keys travel in the address."""

from __future__ import annotations

from starlette.requests import Request

from portal.errors import Refused
from portal.web import forms

SAID = {
    "saved": "Saved.",
    "logged-out": "You are logged out.",
    "login-ended": "That login is ended.",
    "logins-ended": "All other logins are ended.",
    "password-changed": "Your password is changed; all other logins are ended.",
    "password-set": "Your password is set. Log in with it.",
    "second-on": "Two-step login is on.",
    "connecting": "The router is asked to connect the device now. Look again in some seconds.",
    "extended": "The time is given. It follows what the device still has.",
    "given": "That time was given already, with the first click. Nothing was given twice.",
    "moved": "All passes are here now; the device before is off.",
    "noted": "The note is written down.",
    "kicked": "The device is kicked, and kept off for 15 minutes.",
    "let-in": "The device may come back now.",
    "blocked": "The device is blocked at every site.",
    "unblocked": "The device is no longer blocked.",
    "pass-over": "The pass is ended.",
    "money-matched": "The order is paid by this receipt.",
    "money-given": "The money has its pass.",
    "money-done": "This money has its place already: here it is. Nothing was given twice.",
    "money-returned": "Written down: the money was sent back.",
    "money-paid": "The order counts as paid; its receipt is to come.",
    "refund-asked": "Written down. This page says what becomes of it.",
    "refund-there": "This form was sent before, and asked for this refund. Nothing is given back twice.",
    "refund-agree": "Agreed.",
    "refund-decline": "Declined. The money may be given back another way.",
    "refund-hand": "Written down: the cash left your drawer.",
    "refund-found": "Written down.",
    "checked": "The day is checked.",
    "asked": "M-Pesa is asked. Its answer comes within a minute.",
    "mended": "Done.",
    "drawer-closed": "The drawer is counted. This is its report.",
    "drawer-moved": "Written down.",
    "line-closed": "That line is done.",
    "proven": "Thank you. This holds for ten minutes.",
    "role-changed": "The role is changed; they log in anew.",
    "staff-off": "They are switched off and logged out.",
    "staff-on": "They may log in again.",
    "second-off": "Two-step login is taken away.",
    "batch-made": "The batch is made.",
    "batch-there": "This form was sent before, and made this batch. To make another one like it, open the form anew.",
    "voided": "The cards are void.",
    "sale-there": "This is the card that you made a moment ago. For another one, tap “Next sale” first.",
    "support-open": "The window is open. You can shut it at any moment.",
    "support-shut": "The window is shut. Nobody looks in any more.",
    "isp-off": "The ISP is switched off. Its routers are being emptied.",
    "isp-on": "The ISP is on again. Guests with time left come back by themselves.",
    "isp-erase": "The ISP is being erased now. Its page says when it is done.",
    "isp-close": "The ISP is closed.",
    "hand-there": "This is the card that you sold a moment ago. For another one, go back to your stock.",
    "stock-handed": "The cards are handed out; the agent owes for them now.",
    "stock-returned": "The cards are back in your own stock.",
    "stock-lost": "The cards are void.",
    "settled-there": "This payment was written down a moment ago. It was not taken twice.",
    "outage-given": "They get their time. It follows what each still has.",
    "outage-there": "This form was sent before; here is what it gave. Nobody got anything twice.",
    "retention-days": "Saved. The next run goes by it.",
    "hold-placed": "The hold stands. Nothing of it is removed from now on.",
    "hold-lifted": "The hold is lifted. What is too old by now goes with the next run.",
    "clearing": "Bando is clearing the log of sessions now. Below stands how far it is.",
    "profile-saved": "Saved. Guests see it now.",
    "look-saved": "Saved. Guests see it now.",
    "look-own": "Guests see Bando's own look again.",
    "mpesa-added": "The account is added. New payments go to it. Now register its two addresses with M-Pesa.",
    "provider-added": "The account is added. New payments go to it. Now tell the provider its webhook address.",
    "mpesa-keys": "The new keys are kept.",
    "mpesa-user": "The API user is kept.",
    "mpesa-on": "The account is on.",
    "mpesa-off": "The account is off. No new payment goes to it.",
    "plan-added": "The plan is on sale.",
    "plan-there": "This form was sent before, and added this plan.",
    "plan-saved": "Saved. Guests see it now; what was sold or printed before stays as it was.",
    "plan-offered": "The plan is on sale.",
    "plan-withdrawn": "The plan is withdrawn. What was sold or printed of it stays good.",
    "plan-sites": "Where it is sold is changed.",
    "router-there": "This form was sent before, and added this router.",
    "router-pinned": "The certificate is pinned. Bando connects now.",
    "router-saved": "Saved.",
    "router-again": "Saved. The set-up script has changed with it: import it again.",
    "router-password": "The API has a new password. The router knows it once this script is imported.",
    "router-off": "The router is switched off. Nobody was put offline; nobody new gets in.",
    "router-on": "The router is switched on. Bando connects now.",
    "imported": "It is imported.",
    "import-there": "It was imported before. Nothing was taken twice.",
    "alarm-seen": "The others see that you take care of it.",
    "alarm-muted": "Nothing more is said of it until it is back.",
    "alarm-unmuted": "It is told of again.",
    "channel-added": "It is told of alarms from now on. Send a test, to see that it arrives.",
    "channel-there": "This form was sent before, and added this one. Its secret was shown then.",
    "channel-tested": "The test is on its way.",
    "channel-removed": "Nothing is sent there any more.",
    "router-allowed": "The next look at the router may remove them.",
}


def text(key: str) -> str:
    """The sentence of a key, or nothing."""
    return SAID.get(key, "")


def of(request: Request) -> str:
    """The sentence that an address asks for. A broken address asks for none: the page that refuses it is one too."""
    try:
        return text(forms.query(request).get("said", ""))
    except Refused:
        return ""
