"""What the connector gives a driver for one device."""
from dataclasses import dataclass


@dataclass(slots=True)
class DeviceContext:
    """Placeholder until the rest is there."""
    device: str
