"""Everything that knows a router: the connection, its menus, and what must stand there."""
