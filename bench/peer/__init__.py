"""The same work on the usual client: what the daemon's figures are held against."""
