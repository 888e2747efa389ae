"""RTSP 1.0 (RFC 2326): sans-IO server cores, bytes in, events out; and a client (`cambus.rtsp.client`).

`RtspServerConnection` is the way in for players, `RtspRecordConnection` for publishers; `Authenticator` is optional
beside them.
"""

from cambus.rtsp.auth import Authenticator, Verdict, basic_credentials, digest_response
from cambus.rtsp.connection import RtspServerConnection
from cambus.rtsp.errors import FramingError, LocalProtocolError, ProtocolError, RtspError
from cambus.rtsp.events import (
    Announced,
    Closed,
    Described,
    Event,
    InterleavedData,
    Pause,
    Play,
    Record,
    SetUp,
    Teardown,
    TrackData,
)
from cambus.rtsp.message import Request, Response
from cambus.rtsp.parser import Limits, MessageParser
from cambus.rtsp.ranges import ClockRange, NptRange, Range, RtpInfo
from cambus.rtsp.record_connection import RtspRecordConnection
from cambus.rtsp.record_states import RECORD_TRANSITIONS, RecordMethod, RecordState
from cambus.rtsp.states import TRANSITIONS, Method, State
from cambus.rtsp.status import Status
from cambus.rtsp.transport import Lower, Transport
from cambus.rtsp.url import CONTROL_PREFIX, RtspUrl, parse_url

__all__ = [
    "CONTROL_PREFIX",
    "RECORD_TRANSITIONS",
    "TRANSITIONS",
    "Announced",
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
    "Record",
    "RecordMethod",
    "RecordState",
    "Request",
    "Response",
    "RtpInfo",
    "RtspError",
    "RtspRecordConnection",
    "RtspServerConnection",
    "RtspUrl",
    "SetUp",
    "State",
    "Status",
    "Teardown",
    "TrackData",
    "Transport",
    "Verdict",
    "basic_credentials",
    "digest_response",
    "parse_url",
]
