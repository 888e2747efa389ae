"""A client of the Cambus bus: commands, events, state and pictures of surveillance devices, typed."""
