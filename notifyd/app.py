"""Composition root: opens clients, wires the stages in order, owns the shutdown order."""
