"""Why a login is refused, in the words of the API and in the words of the page.

The API speaks short fixed texts, the pages those of errors.txt (facts/mikrotik.md 1.7 and 4.3).
"""

from __future__ import annotations


class LoginRefused(Exception):
    """A hotspot login was refused: `text` for the API, `key` and `page` for errors.txt, `detail` as error-orig."""

    def __init__(self, text: str, *, key: str, page: str | None = None, detail: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.key = key
        self.page = page or text
        self.detail = detail or key


def unknown_host(address: str) -> LoginRefused:
    return LoginRefused(f"unknown host IP {address or '0.0.0.0'}", key="not-logged-in")


def wrong_mac() -> LoginRefused:
    return LoginRefused("wrong MAC provided", key="invalid-mac")


def bad_password() -> LoginRefused:
    return LoginRefused("invalid username or password", key="invalid-username")


def not_your_name(user: str) -> LoginRefused:
    text = f"invalid username ({user}): this MAC address is not yours"
    return LoginRefused(text, key="wrong-mac-username")


def not_your_mac(user: str) -> LoginRefused:
    text = f"user {user} is not allowed to log in from this MAC address"
    return LoginRefused(text, key="invalid-mac")


def uptime_used_up(user: str) -> LoginRefused:
    page = f"user {user} has reached uptime limit"
    return LoginRefused("your uptime limit is reached", key="uptime-limit", page=page)


def bytes_used_up(user: str) -> LoginRefused:
    page = f"user {user} has reached traffic limit"
    return LoginRefused("your traffic limit is reached", key="traffic-limit", page=page)


def too_many_sessions(user: str) -> LoginRefused:
    return LoginRefused(f"no more sessions are allowed for user {user}", key="user-session-limit")


def licence_full(sessions: int) -> LoginRefused:
    detail = f"license limit of {sessions} sessions"
    return LoginRefused(f"session limit reached ({detail})", key="license-session-limit", detail=detail)


def no_queue(reason: str) -> LoginRefused:
    detail = f"login failed: failed to add queue: {reason}"
    return LoginRefused(
        f"internal error: {detail}", key="internal-error", page=f"internal error ({detail})", detail=detail
    )


def already_in() -> LoginRefused:
    """No text is recorded for this one; see `Faults.login_while_active`."""
    return LoginRefused("host is already logged in", key="internal-error")
