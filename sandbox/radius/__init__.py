"""RADIUS as the sandbox speaks it, of its own: it shares no line with the portal, so that each tests the other."""
