"""Sound as an MP4 can hold it: as it came, or, where there is no place for its codec (G.726), as G.711."""

from collections.abc import Sequence

from cambus.media.audio import AudioConfig
from cambus.media.errors import MediaError
from cambus.media.frame import Codec, Frame
from cambus.media.mp4_entries import can_carry
from cambus.media.transcoder import AudioTranscoder, can_transcode


class RecordableSound:
    """The sound of one stream on its way to a file.

    Attributes:
        config: what is recorded; None for nothing.
    """

    def __init__(self) -> None:
        self.config: AudioConfig | None = None
        self._source: AudioConfig | None = None
        self._transcoder: AudioTranscoder | None = None

    def learn(self, frame: Frame) -> None:
        """Take what a frame says of the sound that follows; one that says nothing readable changes nothing."""
        try:
            source = AudioConfig.parse(frame.payload)
        except MediaError:
            return
        if source == self._source:
            return
        self._source, self._transcoder = source, None
        if can_carry(source):
            self.config = source
        elif can_transcode(source, Codec.PCMA):
            self._transcoder = AudioTranscoder(source, Codec.PCMA)
            self.config = self._transcoder.config
        else:
            self.config = None

    def take(self, frame: Frame) -> Sequence[Frame]:
        """What a packet becomes: decoding one of G.726 takes some microseconds."""
        if self._transcoder is not None:
            return self._transcoder.transcode([frame])
        return [frame] if self.config is not None else ()
