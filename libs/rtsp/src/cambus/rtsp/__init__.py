"""RTSP 1.0 (RFC 2326): a sans-IO server core, bytes in, events out; and a client (`cambus.rtsp.client`).

`RtspServerConnection` is the way in; `Authenticator` is optional beside it.
"""

from cambus.rtsp.auth import Authenticator, Verdict, basic_credentials, digest_response
from cambus.rtsp.connection import RtspServerConnection
from cambus.rtsp.errors import FramingError, LocalProtocolError, ProtocolError, RtspError
from cambus.rtsp.events import Closed, Described, Event, InterleavedData, Pause, Play, SetUp, Teardown
from cambus.rtsp.message import Request, Response
from cambus.rtsp.parser import Limits, MessageParser
from cambus.rtsp.ranges import ClockRange, NptRange, Range, RtpInfo
from cambus.rtsp.states import TRANSITIONS, Method, State
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower, Transport
from cambus.rtsp.url import CONTROL_PREFIX, RtspUrl, parse_url

__all__ = [
    "CONTROL_PREFIX",
    "TRANSITIONS",
    "Authenticator",
    "ClockRange",
    "Closed",
    "Described",
    "Event",
    "FramingError",
    "InterleavedData",
    "Limits",
    "LocalProtocolError",
    "Lower",
    "MessageParser",
    "Method",
    "NptRange",
    "Pause",
    "Play",
    "ProtocolError",
    "Range",
    "Request",
    "Response",
    "RtpInfo",
    "RtspError",
    "RtspServerConnection",
    "RtspUrl",
    "SetUp",
    "State",
    "Status",
    "Teardown",
    "Transport",
    "Verdict",
    "basic_credentials",
    "digest_response",
    "parse_url",
]
