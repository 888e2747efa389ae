"""Puts Xiongmai DVRIP recorders and cameras on the Cambus bus."""
