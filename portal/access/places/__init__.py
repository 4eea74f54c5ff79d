"""Where devices are: by which address a router knows them, and how many were online there."""
