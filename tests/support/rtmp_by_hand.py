"""An RTMP publisher by hand, for tests that want to say something strange."""

from cambus.rtmp import Kind, Message, RtmpServerConnection, write_message
from cambus.rtmp.amf0 import encode

HELLO = b"\x03" + bytes(1536) + bytes(1536)
"""C0, C1 and C2 of a client that does not wait."""


def command(*values, stream=0, chunk=128):
    """A command as chunks."""
    return write_message(Message(Kind.COMMAND, stream, 0, encode(*values)), 3, chunk)


def connect(app="live/gate", **more):
    """The first command."""
    return command("connect", 1.0, {"app": app, "flashVer": "FMLE/3.0", "tcUrl": "rtmp://h/live", **more})


def publish(name="k3y"):
    """What comes before media."""
    return b"".join(
        [
            command("releaseStream", 2.0, None, name),
            command("FCPublish", 3.0, None, name),
            command("createStream", 4.0, None),
            command("publish", 5.0, None, name, "live", stream=1),
        ]
    )


def opening(name="k3y"):
    """Everything up to publish."""
    return HELLO + connect() + publish(name)


def asked(now=0.0, **settings):
    """A connection that has been asked to publish, its events and replies taken."""
    connection = RtmpServerConnection(now, **settings)
    connection.receive_data(opening(), now)
    connection.events_received()
    connection.data_to_send()
    return connection
