"""Turns change streams into notifications, each accounted for."""
