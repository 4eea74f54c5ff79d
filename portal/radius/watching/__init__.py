"""Routers in RADIUS mode are made to agree: who must go is disconnected, whose limits changed is told so (RFC 5176)."""
