"""Pure: no async, no clock, no I/O, no vendor types.

What is made for each event is a Struct with gc=False: none of it can be part of a cycle, and the collector's
walks over it cost 3–10 µs an event.
"""
