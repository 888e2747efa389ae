"""RTMP (1.0, enhanced): a sans-IO server that is published to; and the tags it carries, as units of media.

`RtmpServerConnection` is the way in, `TagReader` reads what it gives.
"""

from cambus.rtmp.chunks import ChunkReader, write_message
from cambus.rtmp.errors import LocalProtocolError, ProtocolError, RtmpError
from cambus.rtmp.events import Closed, Event, Media, Publish, Unpublished
from cambus.rtmp.handshake import Handshake
from cambus.rtmp.message import Kind, Message
from cambus.rtmp.server_connection import RtmpServerConnection, State
from cambus.rtmp.tag_reader import TagReader

__all__ = [
    "ChunkReader",
    "Closed",
    "Event",
    "Handshake",
    "Kind",
    "LocalProtocolError",
    "Media",
    "Message",
    "ProtocolError",
    "Publish",
    "RtmpError",
    "RtmpServerConnection",
    "State",
    "TagReader",
    "Unpublished",
    "write_message",
]
