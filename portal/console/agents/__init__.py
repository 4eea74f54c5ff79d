"""Agents as the ISP sees them: their stock, what they sold, what they earned and what they owe."""
