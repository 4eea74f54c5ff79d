"""Errors say who can mend them.

    BandoError
    ├── Refused            the guest or staff can mend it; carries a message key and its values
    ├── ProviderError      a payment provider; the machine decides by kind
    │   ├── ProviderRefused    it answered, and said no: nothing was started
    │   └── ProviderUnknown    no usable answer: something may have been started
    ├── RouterError        a router; the machine tries again
    │   ├── RouterUnreachable  no connection, or it broke
    │   └── RouterTrap         the router answered with !trap
    └── Misconfigured      an operator can mend it; the sentence says how

Anything else that is raised is a bug of ours.
"""

from __future__ import annotations


class BandoError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class Refused(BandoError):
    """The request was refused.

    `key` names a text of the theme (``refused.<key>``), `values` fill it, `status` is the HTTP status (4xx).
    """

    def __init__(self, key: str, *, status: int = 400, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.status = status
        self.values = values


class ProviderError(BandoError):
    """The payment provider failed."""


class ProviderRefused(ProviderError):
    """The payment provider refused the request.

    `reason` is a word of `portal.payments.payment` (``lock``, ``busy``, ``config``, …).
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class ProviderUnknown(ProviderError):
    """The payment provider gave no usable answer; what it did is unknown."""


class RouterError(BandoError):
    """The router failed."""


class RouterUnreachable(RouterError):
    """The router cannot be reached, or the connection to it broke."""


class RouterTrap(RouterError):
    """The router refused a command.

    `message` is the router's own text, `category` its number or None (facts: categories are often absent).
    """

    def __init__(self, message: str, category: int | None = None, *, others: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.category = category
        self.others = others


class Misconfigured(BandoError):
    """The configuration is wrong."""
