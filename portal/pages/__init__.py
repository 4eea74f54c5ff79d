"""What guests see, and where providers' callbacks arrive."""
