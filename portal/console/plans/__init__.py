"""Plans: what guests can buy, where, in which order and for how much."""

from portal.console.plans.screens import SCREENS

__all__ = ["SCREENS"]
