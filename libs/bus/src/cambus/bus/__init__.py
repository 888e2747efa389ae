"""The NATS runtime of a Cambus service: endpoints, client, events, key-value, leases, objects, metrics, runner."""
