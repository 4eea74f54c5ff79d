"""Logins of staff, and tries to log in."""
