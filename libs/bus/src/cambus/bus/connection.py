"""The connection of a service to NATS: that of the client, with what goes wrong counted and stated.

A connection that is closed for good (refused credentials, a protocol error) is reported by `wait_closed()`, and the
runner ends the process with an error, for the orchestrator to start a fresh one.
"""

from typing import Self

from cambus.bus.health import Health
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.bus.watch import MeteredWatch
from cambus.client.connection import Connection


class Bus(Connection):
    """One connection to NATS.

    Args:
        settings: where to and as whom.
        name: shown in the server's monitoring.
        metrics: where to count; a registry of its own when None.
        health: where to state whether NATS is there; one of its own when None.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        name: str = "cambus",
        metrics: Metrics | None = None,
        health: Health | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics or Metrics(name)
        self.health = health or Health()
        super().__init__(settings.login, name=name, watch=MeteredWatch(self.metrics, self.health))

    @classmethod
    async def connect(
        cls,
        settings: BusSettings,
        *,
        name: str = "cambus",
        metrics: Metrics | None = None,
        health: Health | None = None,
    ) -> Self:
        """Return an open connection; waits for the server as long as it takes. Bound it with a timeout.

        Raises:
            ValueError: a credentials file is no such thing.
            OSError: a file of the settings cannot be read.
        """
        bus = cls(settings, name=name, metrics=metrics, health=health)
        await bus.open()
        return bus
