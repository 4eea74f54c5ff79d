"""What is known of one person: for them to take along, and to be erased."""

from portal.console.persons.screens import SCREENS

__all__ = ["SCREENS"]
