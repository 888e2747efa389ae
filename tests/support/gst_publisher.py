"""GStreamer as an RTMP publisher in a process, for tests: run by the system's own Python, which has its bindings.

Usage: URL. Pushes H.264 and AAC until its input ends. With no URL it says by its exit code whether it could.
"""

import sys
import threading

import gi

gi.require_version("Gst", "1.0")
from gi.repository import Gst  # noqa: E402 - the version is chosen first

NEEDED = ("rtmp2sink", "flvmux", "openh264enc", "h264parse", "voaacenc", "videotestsrc", "audiotestsrc")
PIPELINE = """
    videotestsrc is-live=true ! video/x-raw,width=160,height=128,framerate=20/1
        ! openh264enc gop-size=10 ! h264parse ! mux.
    audiotestsrc is-live=true ! audio/x-raw,rate=16000,channels=1 ! voaacenc ! mux.
    flvmux name=mux streamable=true ! rtmp2sink name=sink
"""


def main() -> int:
    """Push, or say whether that is possible."""
    Gst.init(None)
    if len(sys.argv) < 2:
        return int(not all(Gst.ElementFactory.find(name) for name in NEEDED))
    pipeline = Gst.parse_launch(PIPELINE)
    pipeline.get_by_name("sink").set_property("location", sys.argv[1])
    pipeline.set_state(Gst.State.PLAYING)

    def await_end() -> None:
        sys.stdin.read()
        pipeline.send_event(Gst.Event.new_eos())

    threading.Thread(target=await_end, daemon=True).start()
    message = pipeline.get_bus().timed_pop_filtered(
        Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR
    )
    if message.type == Gst.MessageType.ERROR:
        print(message.parse_error().gerror.message)
    pipeline.set_state(Gst.State.NULL)
    return 0


if __name__ == "__main__":
    sys.exit(main())
