"""What comes for somebody who was erased meanwhile."""
