"""What guests agreed to, and when they took it back: rows that are added and never changed (decision 38)."""
