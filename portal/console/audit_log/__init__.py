"""Who did what, when, from where."""

from portal.console.audit_log.screens import SCREENS

__all__ = ["SCREENS"]
