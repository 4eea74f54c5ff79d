"""Vouchers: stock, batches, printing, voiding and the sale at a counter."""

from portal.console.vouchers.screens import SCREENS

__all__ = ["SCREENS"]
