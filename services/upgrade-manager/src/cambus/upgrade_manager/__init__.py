"""Upgrades the firmware of devices on the Cambus bus, never sending an image twice."""
