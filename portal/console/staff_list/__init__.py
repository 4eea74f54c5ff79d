"""Who works here: inviting, roles, switching off, and help after a lost phone or password."""

from portal.console.staff_list.screens import SCREENS

__all__ = ["SCREENS"]
