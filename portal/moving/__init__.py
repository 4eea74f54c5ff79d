"""Everything of one ISP as one sealed file, and the way back: into an empty installation, under its own keys (decision 40)."""
