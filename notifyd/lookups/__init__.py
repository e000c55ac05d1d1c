"""Facts that a notification type looks up: out of a table or from a service."""
