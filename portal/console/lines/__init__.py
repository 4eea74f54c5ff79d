"""Lines for staff: what Bando cannot decide by itself, wherever a page shows them."""
