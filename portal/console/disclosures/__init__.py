"""Disclosures under lawful orders: the register, and making one."""

from portal.console.disclosures.screens import SCREENS

__all__ = ["SCREENS"]
