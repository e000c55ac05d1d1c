"""Pure: no async, no clock, no I/O, no vendor types."""
