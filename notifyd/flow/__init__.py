"""Async: core and ports, never a vendor's SDK."""
