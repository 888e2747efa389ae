"""Routes the alarms of the Cambus bus to webhooks and bus subjects, losing none."""
