"""The bytes of recordings, as fragmented MP4 (`cambus.connector.mp4_writer`).

The same bytes always become the same file (`cambus.media.recorded_timeline`), so that a download can be resumed.
"""

from cambus.connector import mp4_writer
from cambus.connector_dvrip.clock import DeviceZone
from cambus.connector_dvrip.media import FrameMaker
from cambus.dvrip.media import StreamSplitter
from cambus.media.recorded_timeline import RecordedTimeline


class Mp4Writer:
    """Takes media bytes of a device, gives bytes of an MP4.

    Args:
        zone: of the device's clock.
    """

    def __init__(self, zone: DeviceZone) -> None:
        self._splitter = StreamSplitter()
        self._maker = FrameMaker(zone, timeline=RecordedTimeline())
        self._writer = mp4_writer.Mp4Writer()

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return what of the file is complete. Raises as `cambus.connector.mp4_writer`."""
        out = []
        for media in self._splitter.receive_data(data):
            frames = self._maker.frames(media, 0)
            self._writer.sound = self._maker.sound
            out.append(self._writer.feed(frames))
        return b"".join(out)

    def finish(self) -> bytes:
        """There are no more bytes: return the last group."""
        return self._writer.finish()
