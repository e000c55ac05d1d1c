"""One file a port, on AWS."""
