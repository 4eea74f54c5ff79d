"""Giving money back."""

from portal.console.refunds.screens import SCREENS

__all__ = ["SCREENS"]
