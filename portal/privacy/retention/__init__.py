"""How long what is known of people is kept, and how it ends (decision 35)."""
