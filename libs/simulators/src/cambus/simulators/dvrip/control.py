"""HTTP control of running simulators, on loopback only: look at them, switch quirks, raise alarms, break things.

Every call takes ``device``, the 0-based number of the device, in the query or the JSON body; without it the first
device is meant (``GET /state``: all of them). Answers are JSON; a bad request is a 400 with the reason.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from cambus.dvrip.values import parse_time
from cambus.simulators.control_port import Body, ControlPort, bad_request, read_json, reboot, set_quirks
from cambus.simulators.dvrip.simulator import DvripSimulator

_MAX_WAIT_S: Final = 300.0


class ControlServer(ControlPort):
    """The control API of a row of devices."""

    def __init__(self, devices: Sequence[DvripSimulator]) -> None:
        super().__init__()
        self._devices = list(devices)

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Say what can be asked."""
        router.add_get("/state", self._state)
        router.add_get("/quirks", self._quirks)
        router.add_get("/config", self._config)
        router.add_get("/snapshot", self._snapshot)
        for name, action in self._actions().items():
            router.add_post(f"/{name}", self._post(action))

    def _actions(self) -> dict[str, Callable[[DvripSimulator, Body], Awaitable[Any]]]:
        return {
            "alarm": _alarm,
            "quirks": set_quirks,
            "reboot": reboot,
            "drop": _drop,
            "offline": _offline,
            "online": _online,
            "logout": _logout,
            "inject": _inject,
            "clock": _clock,
            "config": _set_config,
            "register": _register,
            "centre": _centre,
        }

    def _post(
        self, action: Callable[[DvripSimulator, Body], Awaitable[Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = await read_json(request)
            device = self._device(body.pop("device", request.query.get("device", 0)))
            try:
                result = await action(device, body)
            except (ValueError, KeyError, TypeError) as error:
                raise bad_request(str(error)) from None
            return web.json_response(result)

        return handle

    def _device(self, number: object) -> DvripSimulator:
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
        return web.json_response({"devices": [device.state() for device in self._devices]})

    async def _quirks(self, request: web.Request) -> web.Response:
        device = self._device(request.query.get("device", 0))
        rows = [
            {"name": name, "values": values, "default": default, "doc": doc}
            for name, values, default, doc in device.quirks.describe()
        ]
        return web.json_response({"quirks": device.quirks.as_json(), "known": rows})

    async def _config(self, request: web.Request) -> web.Response:
        device = self._device(request.query.get("device", 0))
        try:
            return web.json_response(device.device.config.get(request.query.get("name", "")))
        except KeyError as error:
            raise bad_request(f"no configuration {error}") from None

    async def _snapshot(self, request: web.Request) -> web.Response:
        device = self._device(request.query.get("device", 0))
        channel = (
            int(request.query.get("channel", "0")) if request.query.get("channel", "0").isdigit() else -1
        )
        if not 0 <= channel < device.device.channels:
            raise bad_request("no such channel")
        picture = await asyncio.to_thread(device.device.picture, channel)
        return web.Response(body=picture, content_type="image/jpeg")


async def _alarm(device: DvripSimulator, body: Body) -> Any:
    """``{event, channel, status, seconds, text, count}``: with seconds a Start is followed by its Stop."""
    status = body.get("status", "Start")
    if status not in {"Start", "Stop", "None"}:
        raise ValueError(f"status {status!r}: want Start, Stop or None")
    seconds = body.get("seconds")
    count = min(10_000, int(body.get("count", 1)))
    for _ in range(count):
        device.raise_alarm(
            str(body.get("event", "motion")),
            int(body.get("channel", 0)),
            status,
            text=str(body.get("text", "")),
            stop_after_s=float(seconds) if seconds is not None else None,
        )
    return {"raised": count}


async def _drop(device: DvripSimulator, body: Body) -> Any:
    """``{reset}``: with RST unless that is false."""
    return {"dropped": device.drop(reset=bool(body.get("reset", True)))}


async def _offline(device: DvripSimulator, body: Body) -> Any:
    """Refuse and cut connections; ``{seconds}``: and come back after so long."""
    device.go_offline()
    if "seconds" in body:
        await asyncio.sleep(min(_MAX_WAIT_S, float(body["seconds"])))
        await device.go_online()
    return {"online": "seconds" in body}


async def _online(device: DvripSimulator, _body: Body) -> Any:
    """Accept connections again."""
    await device.go_online()
    return {"online": True}


async def _logout(device: DvripSimulator, _body: Body) -> Any:
    """Log every session out (1004)."""
    device.force_logout()
    return {"sessions": len(device.sessions)}


async def _inject(device: DvripSimulator, body: Body) -> Any:
    """``{fault}``: a broken packet on every connection."""
    return {"connections": device.inject(str(body.get("fault", "")))}


async def _clock(device: DvripSimulator, body: Body) -> Any:
    """``{time}`` sets the clock, ``{offset_s}`` moves it from the host's."""
    clock = device.device.clock
    if "offset_s" in body:
        clock.set_offset(float(body["offset_s"]))
    else:
        time = parse_time(body.get("time"))
        if time is None:
            raise ValueError(f"time {body.get('time')!r}: want YYYY-MM-DD HH:MM:SS")
        clock.set_local(time)
    return {"local_time": f"{clock.local():%Y-%m-%d %H:%M:%S}"}


async def _set_config(device: DvripSimulator, body: Body) -> Any:
    """``{name, value}``: as a client's 1040."""
    return {"code": int(device.device.config.set(str(body["name"]), body["value"]))}


async def _register(device: DvripSimulator, body: Body) -> Any:
    """``{host, port, user, password, device_id}``: register with a platform."""
    device.register_with(
        str(body["host"]),
        int(body["port"]),
        user=str(body["user"]),
        password=str(body["password"]),
        device_id=str(body.get("device_id", "")),
    )
    return {"registering": True}


async def _centre(device: DvripSimulator, body: Body) -> Any:
    """``{host, port}``: send alarms to an alarm centre."""
    device.report_to(str(body["host"]), int(body["port"]))
    return {"reporting": True}
