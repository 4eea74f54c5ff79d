"""Money: evidence in, pass out."""
