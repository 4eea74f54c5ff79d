"""What the operator tells everybody who works at an ISP, until each of them has said that they read it."""
