"""Three real nats-servers as one cluster, for tests of what R3 promises."""

import asyncio
import socket
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from cambus.bus.connection import Bus
from cambus.bus.settings import BusSettings
from cambus.bus.testing import LOOPBACK, NatsServer
from cambus.client.errors import BusError
from cambus.client.jetstream import JetStream

READY_DEADLINE_S = 60.0
POLL_S = 0.1


class NatsCluster:
    """A cluster of nats-servers on the loopback interface; an asynchronous context manager.

    Args:
        size: how many servers.
        sync_interval: as of `NatsServer`.

    Attributes:
        servers: by their names, `n1` and so on.
    """

    def __init__(self, size: int = 3, *, sync_interval: str = "always") -> None:
        ports = _free_ports(size)
        routes = [f"nats://{LOOPBACK}:{port}" for port in ports]
        self.servers = {
            f"n{number}": NatsServer(
                sync_interval=sync_interval,
                config={
                    "server_name": f"n{number}",
                    "cluster": {"name": "test", "listen": f"{LOOPBACK}:{port}", "routes": routes},
                },
            )
            for number, port in enumerate(ports, start=1)
        }

    @property
    def url(self) -> str:
        """What a client connects to: all servers."""
        return ",".join(server.url for server in self.servers.values())

    async def leader(self, bus: Bus, stream: str) -> str:
        """The name of the server that leads a stream. Raises BusError while there is none."""
        info = await bus.jetstream.call(f"STREAM.INFO.{stream}")
        return str(info["cluster"]["leader"])

    async def __aenter__(self) -> Self:
        for server in self.servers.values():
            await server.start()
        try:
            async with asyncio.timeout(READY_DEADLINE_S):
                async with await Bus.connect(BusSettings(nats_url=self.url), name="cluster") as bus:
                    while not await _has_leader(bus.jetstream):  # noqa: ASYNC110 - servers elect, nobody tells
                        await asyncio.sleep(POLL_S)
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for server in self.servers.values():
            server.close()


async def _has_leader(jetstream: JetStream) -> bool:
    try:
        await jetstream.call("STREAM.NAMES", timeout_s=1.0)
    except BusError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Ports nobody listens on now: the servers must know each other's before any of them has started."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [int(each.getsockname()[1]) for each in sockets]
