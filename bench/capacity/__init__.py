"""From what was measured of an event to what a fleet needs and costs."""
