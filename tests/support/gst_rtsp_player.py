"""GStreamer as an RTSP player in a process, for tests: run by the system's own Python, which has its bindings.

Usage: URL PROTOCOL USER PASSWORD PICTURES; PROTOCOL is tcp, udp or http, USER empty without a login. Plays until so
many pictures and ten packets of sound have been decoded, or the stream ends. Prints
`{"video": n, "audio": n, "caps": …, "end": …}`; `end` is `enough`, `eos` or the error.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst  # noqa: E402 - the version is chosen first

SOUNDS = 10
GIVE_UP_S = 60


class Player:
    """One pipeline, built as the server's tracks come up."""

    def __init__(self, url: str, protocol: str, user: str, password: str, pictures: int) -> None:
        self.wanted = pictures
        self.seen = {"video": 0, "audio": 0}
        self.caps: dict[str, str] = {}
        self.end = "nothing"
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.Pipeline()
        source = Gst.ElementFactory.make("rtspsrc")
        scheme = "rtsph" if protocol == "http" else "rtsp"
        source.set_property("location", url.replace("rtsp", scheme, 1))
        source.set_property("protocols", {"udp": 1, "tcp": 4, "http": 4 | 16}[protocol])  # GstRTSPLowerTrans
        source.set_property("latency", 200)
        if user:
            source.set_property("user-id", user)
            source.set_property("user-pw", password)
        source.connect("pad-added", self.on_track)
        self.pipeline.add(source)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)

    def play(self) -> dict[str, object]:
        """Until it has been enough."""
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add_seconds(GIVE_UP_S, self.stop, "too long")
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return {**self.seen, "caps": self.caps, "end": self.end}

    def stop(self, why: str) -> None:
        """No more."""
        self.end = why
        self.loop.quit()

    def on_track(self, source, pad) -> None:
        """A track begins: decode it."""
        kind = pad.get_current_caps().get_structure(0).get_string("media")
        decoder, sink = Gst.ElementFactory.make("decodebin"), Gst.ElementFactory.make("fakesink")
        sink.set_property("signal-handoffs", True)
        sink.set_property("sync", False)
        sink.connect("handoff", self.on_decoded, kind)
        decoder.connect("pad-added", lambda _, decoded: decoded.link(sink.get_static_pad("sink")))
        for element in (decoder, sink):
            self.pipeline.add(element)
            element.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def on_decoded(self, sink, buffer, pad, kind: str) -> None:
        """A picture, or some sound."""
        self.caps[kind] = pad.get_current_caps().to_string()
        self.seen[kind] += 1
        if self.seen["video"] >= self.wanted and self.seen["audio"] >= SOUNDS:
            GLib.idle_add(self.stop, "enough")

    def on_message(self, bus, message) -> None:
        """The end, or what went wrong."""
        if message.type is Gst.MessageType.EOS or message.type == Gst.MessageType.EOS:
            self.stop("eos")
        elif message.type == Gst.MessageType.ERROR:
            self.stop(str(message.parse_error()[0]))


def main() -> None:
    url, protocol, user, password, pictures = sys.argv[1:6]
    Gst.init(None)
    print(json.dumps(Player(url, protocol, user, password, int(pictures)).play()), flush=True)


main()
