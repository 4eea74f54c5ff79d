"""From one engine to the other: everything of an installation, with equal rows and sums."""
