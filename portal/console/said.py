"""What a page says once, after something was done. Only keys travel in the address."""

from __future__ import annotations

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
    "line-closed": "That line is done.",
}


def text(key: str) -> str:
    """The sentence of a key, or nothing."""
    return SAID.get(key, "")
