"""Counts of prompts and of guessed receipts, for the limits."""
