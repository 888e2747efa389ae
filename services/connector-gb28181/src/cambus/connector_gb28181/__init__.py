"""Puts GB/T 28181 cameras and recorders on the Cambus bus."""
