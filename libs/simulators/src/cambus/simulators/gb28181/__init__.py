"""Simulated GB/T 28181 devices: cameras and recorders that register at a platform, with real media."""
