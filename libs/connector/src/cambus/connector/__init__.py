"""What every Cambus connector shares: registry watch, ownership, session supervision, live claims."""
