"""What people were promised about their data."""
