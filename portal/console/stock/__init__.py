"""The stock of an agent: their own cards, and nothing else of the ISP."""
