"""The NATS runtime of a service: endpoints, client, events, consumers, key-value, leases, objects, runner."""
