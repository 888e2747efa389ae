"""GB/T 28181: a platform that devices register to, and a device that registers to platforms."""
