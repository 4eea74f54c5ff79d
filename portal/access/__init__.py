"""Passes: what a device may do, and the one door through which passes are made."""
