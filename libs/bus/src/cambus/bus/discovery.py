"""Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` (ADR-32), so that `nats micro ls` shows every service."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from nats.aio.msg import Msg

from cambus.bus.connection import Bus
from cambus.bus.routes import Route, unroutable_reply
from cambus.client.delivery import Subscription
from cambus.client.tasks import TaskSet

TYPE = "io.nats.micro.v1"
MAX_ANSWERS = 256


class Discovery:
    """The discovery endpoints of one replica of a service.

    Args:
        bus: the connection.
        service: name of the service; all replicas share it.
        version: semantic version.
        routes: gives the commands that are answered.
        description: one sentence.
        metadata: further facts; read anew for every answer.
    """

    def __init__(
        self,
        bus: Bus,
        service: str,
        version: str,
        routes: Callable[[], list[Route]],
        description: str,
        metadata: Mapping[str, str],
    ) -> None:
        self._bus = bus
        self._service = service
        self._routes = routes
        self._started = datetime.now(UTC)
        self._description = description
        self._tasks = TaskSet(MAX_ANSWERS)
        self._metadata = metadata
        self._identity: dict[str, Any] = {"name": service, "id": bus.settings.instance, "version": version}

    async def start(self) -> list[Subscription]:
        """Subscribe; for all services, for this service, for this replica."""
        answers = {"PING": self.ping, "INFO": self.info, "STATS": self.stats}
        scopes = ("", f".{self._service}", f".{self._service}.{self._identity['id']}")
        return [
            await self._bus.subscribe(f"$SRV.{verb}{scope}", self._replier(answer))
            for verb, answer in answers.items()
            for scope in scopes
        ]

    def _replier(self, answer: Callable[[], dict[str, Any]]) -> Callable[[Msg], None]:
        def deliver(message: Msg) -> None:
            if message.reply and not unroutable_reply(message.reply):
                self._tasks.spawn(self._bus.publish(message.reply, json.dumps(answer()).encode()))

        return deliver

    def ping(self) -> dict[str, Any]:
        """Who is there."""
        return self._response("ping")

    def info(self) -> dict[str, Any]:
        """What is answered here."""
        endpoints = [
            {**_address(route), "metadata": {"summary": route.spec.summary}} for route in self._routes()
        ]
        return {**self._response("info"), "description": self._description, "endpoints": endpoints}

    def stats(self) -> dict[str, Any]:
        """How often, how long, and what went wrong last."""
        return {
            **self._response("stats"),
            "started": self._started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "endpoints": [_statistics(route) for route in self._routes()],
        }

    def _response(self, kind: str) -> dict[str, Any]:
        return {"type": f"{TYPE}.{kind}_response", **self._identity, "metadata": dict(self._metadata)}


def _address(route: Route) -> dict[str, Any]:
    """Name and subject of an endpoint; device commands are listed once, whatever the number of devices."""
    spec = route.spec
    if spec.service is None:
        subject, queue = f"cambus.v1.cmd.*.{spec.name}", "*"
    else:
        subject, queue = spec.subject(), "" if spec.broadcast else spec.service
    return {"name": spec.key.replace(".", "-"), "subject": subject, "queue_group": queue}


def _statistics(route: Route) -> dict[str, Any]:
    total_ns = int(route.processing_s * 1e9)
    return {
        **_address(route),
        "num_requests": route.requests,
        "num_errors": route.errors,
        "last_error": route.last_error,
        "processing_time": total_ns,
        "average_processing_time": total_ns // route.requests if route.requests else 0,
    }
