"""HTTP control of a simulated upper platform, on loopback only: see who registered, ask, watch, command, speak.

Every call but ``GET /state`` takes ``code``, of who registered, in the JSON body; where only one has, it may be left
out. Answers are JSON; a bad request, and what the other side refuses, is a 400 with the reason.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

from cambus.gb28181.errors import GbError
from cambus.gb28181.manscdp.catalog import CatalogItem
from cambus.gb28181.manscdp.control import DeviceControl
from cambus.gb28181.manscdp.records import RecordQuery
from cambus.gb28181.sdp import Purpose
from cambus.gb28181.subscriptions import Topic
from cambus.simulators.control_port import Body, ControlPort, bad_request, read_json
from cambus.simulators.gb28181.upper import UpperPlatform
from cambus.simulators.gb28181.upper_watching import Watching

_MAX_TOLD: Final = 1000

Action = Callable[[UpperPlatform, str, Body], Awaitable[Any]]


class UpperControl(ControlPort):
    """The control API of one platform."""

    def __init__(self, upper: UpperPlatform) -> None:
        super().__init__()
        self._upper = upper

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Say what can be asked."""
        router.add_get("/state", self._state)
        router.add_get("/told", self._told)
        for name, action in ACTIONS.items():
            router.add_post(f"/{name}", self._post(action))

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(self._upper.state())

    async def _told(self, _: web.Request) -> web.Response:
        """What others told unasked, the newest last."""
        told = [
            {
                "code": each.device,
                "about": each.envelope.code,
                "command": each.envelope.command,
                "subscribed": each.subscribed,
                "fields": each.envelope.element.fields,
            }
            for each in self._upper.told[-_MAX_TOLD:]
        ]
        return web.json_response({"told": told})

    def _post(self, action: Action) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            body = await read_json(request)
            try:
                result = await action(self._upper, self._code(body), body)
            except (ValueError, KeyError, TypeError, GbError) as error:
                raise bad_request(str(error) or type(error).__name__) from None
            return web.json_response(result)

        return handle

    def _code(self, body: Body) -> str:
        registered = self._upper.state()["registered"]
        code = str(body.pop("code", registered[0] if len(registered) == 1 else ""))
        if code not in registered:
            raise ValueError(f"code {code!r}: registered are {', '.join(registered) or 'none'}")
        return code


async def _catalog(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{of}``: a node; by default all of it."""
    return {"items": [_item(each) for each in await upper.catalog(code, body.get("of"))]}


def _item(item: CatalogItem) -> Body:
    return {"code": item.code, "name": item.name, "parents": item.parents, "on": item.on}


async def _records(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{channel, start, end}``: local times, as ``2026-02-01T00:00:00``."""
    query = RecordQuery(str(body["start"]), str(body["end"]), secrecy=0, type="all")
    found = await upper.records(code, str(body["channel"]), query)
    return {"records": [{"start": each.start, "end": each.end, "type": each.type} for each in found]}


async def _play(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{channel, purpose, transport, start, end, stream}``: purpose Play, Playback or Download."""
    order = {key: body[key] for key in ("transport", "start", "end", "stream") if key in body}
    purpose = Purpose(str(body.get("purpose", "Play")))
    watching = await upper.play(code, str(body["channel"]), purpose=purpose, **order)
    return {"session": upper.watchings.index(watching)}


def _watching(upper: UpperPlatform, body: Body) -> Watching:
    number = int(body["session"])
    if not 0 <= number < len(upper.watchings):
        raise ValueError(f"session {number}: there are {len(upper.watchings)}")
    return upper.watchings[number]


async def _session(upper: UpperPlatform, _code: str, body: Body) -> Any:
    """``{session}``: what came of it; decoded by FFmpeg, with the sizes of the pictures."""
    watching = _watching(upper, body)
    return {**watching.as_json(), "decoded": sorted(set(watching.decode()))}


async def _stop(upper: UpperPlatform, _code: str, body: Body) -> Any:
    """``{session}``."""
    await _watching(upper, body).close()
    return {"stopped": True}


async def _playback(upper: UpperPlatform, _code: str, body: Body) -> Any:
    """``{session, pause | resume | seek: seconds | speed: factor}``."""
    session = _watching(upper, body).session
    if body.get("pause"):
        await session.pause()
    if body.get("resume"):
        await session.resume()
    if "seek" in body:
        await session.seek(float(body["seek"]))
    if "speed" in body:
        return {"speed": await session.set_speed(float(body["speed"]))}
    return {"done": True}


async def _control(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{channel, ptz | boot | record | guard | alarm}``: as the standard has it, such as 16 hexadecimal digits."""
    control = DeviceControl(
        ptz=body.get("ptz"),
        boot=body.get("boot"),
        record=body.get("record"),
        guard=body.get("guard"),
        alarm=body.get("alarm"),
    )
    await upper.control(code, str(body["channel"]), control)
    return {"done": True}


async def _subscribe(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{topic, of, seconds}``: catalog, alarms, positions or ptz-position."""
    upper.subscribe(
        code, Topic(str(body["topic"])), of=body.get("of"), expires_s=int(body.get("seconds", 600))
    )
    return {"subscribed": True}


async def _unsubscribe(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{topic}``."""
    await upper.unsubscribe(code, Topic(str(body["topic"])))
    return {"unsubscribed": True}


async def _broadcast(upper: UpperPlatform, code: str, body: Body) -> Any:
    """``{channel}``: says silence, for want of a microphone, until ``/hush``."""
    await upper.speak(code, str(body["channel"]))
    return {"speaking": True}


async def _hush(upper: UpperPlatform, code: str, _body: Body) -> Any:
    """Stops speaking."""
    await upper.hush(code)
    return {"speaking": False}


ACTIONS: Final[dict[str, Action]] = {
    "catalog": _catalog,
    "records": _records,
    "play": _play,
    "session": _session,
    "stop": _stop,
    "playback": _playback,
    "control": _control,
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "broadcast": _broadcast,
    "hush": _hush,
}
