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
}


def text(key: str) -> str:
    """The sentence of a key, or nothing."""
    return SAID.get(key, "")
