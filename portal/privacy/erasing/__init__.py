"""Erasing one person: their identity, their devices and what is known of them; the books stay, and point at nobody."""
