"""What crosses the Cambus bus: models, catalog, subjects, ids, errors and the codec."""
