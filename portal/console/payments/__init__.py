"""What guests paid, what became of it, and money that matched nothing."""

from portal.console.payments.screens import SCREENS

__all__ = ["SCREENS"]
