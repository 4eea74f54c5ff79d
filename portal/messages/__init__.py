"""Messages to guests: an outbox, and the gateways that carry them."""
