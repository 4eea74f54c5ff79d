"""Giving money back: by reversal at the provider, or in cash."""
