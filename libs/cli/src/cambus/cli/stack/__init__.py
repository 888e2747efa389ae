"""A whole Cambus on this machine: NATS, every service and simulated devices, as child processes."""
