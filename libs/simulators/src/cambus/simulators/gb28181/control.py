"""HTTP control of simulated GB/T 28181 devices, on loopback only: look at them, switch quirks, make things happen.

Every call takes ``device``, the 0-based number of the device, in the query or the JSON body; without it the first
device is meant (``GET /state``: all of them). Answers are JSON; a bad request is a 400 with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.catalog import CatalogEvent
from cambus.simulators.control_port import Body, ControlPort, bad_request, read_json, reboot, set_quirks
from cambus.simulators.gb28181.simulator import Gb28181Simulator

_MAX_STATES: Final = 100

Action = Callable[[Gb28181Simulator, Body], Awaitable[Any]]


class ControlServer(ControlPort):
    """The control API of a row of devices."""

    def __init__(self, devices: Sequence[Gb28181Simulator]) -> None:
        super().__init__()
        self._devices = list(devices)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Say what can be asked."""
        router.add_get("/state", self._state)
        router.add_get("/quirks", self._quirks)
        router.add_get("/messages", self._messages)
        for name, action in ACTIONS.items():
            router.add_post(f"/{name}", self._post(action))

    def _post(self, action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = await read_json(request)
            device = self._device(body.pop("device", request.query.get("device", 0)))
            try:
                result = await action(device, body)
            except (ValueError, KeyError, TypeError, GbError) as error:
                raise bad_request(str(error)) from None
            return web.json_response(result)

        return handle

    def _device(self, number: object) -> Gb28181Simulator:
        try:
            index = int(str(number))
        except ValueError:
            raise bad_request(f"device {number!r} is no number") from None
        if not 0 <= index < len(self._devices):
            raise bad_request(f"device {index}: there are 0 to {len(self._devices) - 1}")
        return self._devices[index]

    async def _state(self, request: web.Request) -> web.Response:
        if "device" in request.query:
            return web.json_response(self._device(request.query["device"]).state())
        shown = [device.state() for device in self._devices[:_MAX_STATES]]
        registered = sum(device.registered for device in self._devices)
        return web.json_response({"count": len(self._devices), "registered": registered, "devices": shown})

    async def _quirks(self, request: web.Request) -> web.Response:
        device = self._device(request.query.get("device", 0))
        rows = [
            {"name": name, "values": values, "default": default, "doc": doc}
            for name, values, default, doc in device.quirks.describe()
        ]
        return web.json_response({"quirks": device.quirks.as_json(), "known": rows})

    async def _messages(self, request: web.Request) -> web.Response:
        """The names of the last messages, oldest first."""
        device = self._device(request.query.get("device", 0))
        return web.json_response(
            {"messages": [{"direction": each.direction, "name": each.name} for each in device.messages]}
        )


def _channel(device: Gb28181Simulator, body: Body) -> str:
    """The code of a camera, by its code or its 0-based number."""
    wanted = body.get("channel", 0)
    code = (
        device.channels[wanted] if isinstance(wanted, int) and wanted < len(device.channels) else str(wanted)
    )
    if code not in device.device.codes:
        raise ValueError(f"channel {wanted!r}: there is none")
    return code


async def _alarm(device: Gb28181Simulator, body: Body) -> Any:
    """``{method, type, priority, channel, description, event}``."""
    type_ = body.get("type", 2)
    told = device.raise_alarm(
        method=int(body.get("method", 5)),
        type_=int(type_) if type_ is not None else None,
        priority=int(body.get("priority", 1)),
        code=_channel(device, body) if "channel" in body else None,
        description=str(body.get("description", "")),
        event_type=int(body["event"]) if "event" in body else None,
    )
    return {"told": told}


async def _position(device: Gb28181Simulator, body: Body) -> Any:
    """``{longitude, latitude}``."""
    device.move_to(float(body["longitude"]), float(body["latitude"]))
    return {"position": device.position}


async def _change(device: Gb28181Simulator, body: Body) -> Any:
    """``{channel, event}``: ON, OFF, VLOST, DEFECT, ADD, DEL or UPDATE, told to those who subscribed."""
    told = device.change_channel(_channel(device, body), CatalogEvent(str(body.get("event", "OFF"))))
    return {"subscribers": told}


async def _keepalive(device: Gb28181Simulator, _body: Body) -> Any:
    """Says now that it is there."""
    device.beat()
    return {"told": True}


async def _register(device: Gb28181Simulator, _body: Body) -> Any:
    """Registers now."""
    device.agent.register_again()
    return {"registering": True}


async def _drop(device: Gb28181Simulator, _body: Body) -> Any:
    """Closes the TCP connection to the platform."""
    device.drop_connection()
    return {"dropped": True}


async def _watch(device: Gb28181Simulator, _body: Body) -> Any:
    """Asks to be watched (VideoUploadNotify)."""
    device.ask_to_be_watched()
    return {"told": True}


ACTIONS: Final[dict[str, Action]] = {
    "alarm": _alarm,
    "quirks": set_quirks,
    "reboot": reboot,
    "position": _position,
    "channel": _change,
    "keepalive": _keepalive,
    "register": _register,
    "drop": _drop,
    "watch": _watch,
}
