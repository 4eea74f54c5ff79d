"""Messages to guests: the outbox and its gateway."""
