"""Believable surveillance devices with real media, switchable quirks and faults."""
