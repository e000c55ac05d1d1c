"""Pure: no async, no clock, no I/O, no vendor types.

What is made for each event is a Struct with gc=False: none of it can be part of a cycle, so the
collector need not walk over it.
"""
