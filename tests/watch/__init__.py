"""The watch: rules, alarms, channels and the outbox."""
