"""Stand-ins quick enough not to be what is measured: each its own process, pinned away from the daemon."""
