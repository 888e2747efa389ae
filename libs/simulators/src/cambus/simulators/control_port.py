"""An HTTP port on loopback by which a running simulator is controlled: JSON in, JSON out."""

import json
from abc import ABC, abstractmethod
from typing import Any, Final, Protocol

from aiohttp import web

from cambus.simulators.switches import Switches

LOOPBACK: Final = "127.0.0.1"
MAX_BODY_BYTES: Final = 1024 * 1024

Body = dict[str, Any]


class Switched(Protocol):
    """A simulated device with switches."""

    @property
    def quirks(self) -> Switches:
        """What it does wrong."""

    def reboot(self) -> None:
        """Go, and come back."""


class ControlPort(ABC):
    """Listens on loopback only.

    Attributes:
        port: where, once it listens.
    """

    def __init__(self) -> None:
        self.port = 0
        self._runner: web.AppRunner | None = None

    @abstractmethod
    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Say what can be asked."""

    async def start(self, port: int = 0) -> None:
        """Listen; port 0 takes any free one, see `port`."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        self.add_routes(app.router)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, port)
        await site.start()
        self.port = int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()


async def read_json(request: web.Request) -> Body:
    """The JSON object in a request; nothing is an empty one. Raises HTTPBadRequest."""
    text = await request.text()
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError:
        raise bad_request("the body is no JSON") from None
    if not isinstance(body, dict):
        raise bad_request("the body is no JSON object")
    return body


def bad_request(reason: str) -> web.HTTPBadRequest:
    """A refusal with its reason."""
    return web.HTTPBadRequest(text=json.dumps({"error": reason}), content_type="application/json")


async def set_quirks(device: Switched, body: Body) -> Any:
    """``{name: value}``, and ``{"reset": true}`` for going back to the usual first."""
    if body.pop("reset", False):
        device.quirks.reset()
    device.quirks.update(body)
    return {"quirks": device.quirks.as_json()}


async def reboot(device: Switched, body: Body) -> Any:
    """``{seconds}``: how long it takes."""
    if "seconds" in body:
        device.quirks.update({"reboot_s": body["seconds"]})
    device.reboot()
    return {"rebooting": True}
