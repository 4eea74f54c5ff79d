"""Everything of one ISP as one sealed file, and its way into an empty installation (decision 40)."""
