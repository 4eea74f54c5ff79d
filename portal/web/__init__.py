"""HTTP, whoever asks: what guards every answer, what was posted, and how a page becomes an answer."""
