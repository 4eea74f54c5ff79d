"""People: identity under a key of its own."""
