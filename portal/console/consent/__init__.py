"""Consent: whether guests are asked for it, and what those of a device decided (decision 38)."""

from portal.console.consent.screens import SCREENS

__all__ = ["SCREENS"]
