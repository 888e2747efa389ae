"""What the status of a response means for whoever asked (§2.4, GB-026)."""

from __future__ import annotations

from cambus.gb28181.errors import Busy, DeviceOffline, GbError, Refused, Unsupported
from cambus.sip.message import Response
from cambus.sip.status import reason_of

_MEANINGS = {
    401: "the device wants credentials",
    403: "the device forbids it",
    404: "the device does not know the channel",
    405: "the device does not know the method",
    407: "the device wants credentials",
    415: "the device does not take such a body",
    480: "the channel is away",
    481: "the device knows no such session",
    486: "the device takes no further session",
    487: "the session was cancelled",
    488: "the device cannot meet the media description",
    489: "the device does not know the event",
    501: "the device does not implement it",
    503: "the device is overloaded",
}


def failure_of(response: Response) -> GbError | None:
    """The error a final response stands for; None for a success."""
    status = response.status
    if status < 300:
        return None
    text = f"{_MEANINGS.get(status, reason_of(status))} (SIP {status})"
    if status == 486:
        return Busy(text, status=status)
    if status in {405, 489, 501}:
        return Unsupported(text, status=status)
    if status in {408, 480}:
        return DeviceOffline(text)
    return Refused(text, status=status)
