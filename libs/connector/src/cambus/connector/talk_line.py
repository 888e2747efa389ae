"""What a driver gives to let people talk through a device: `TalkLine`."""

from typing import Final, Protocol

from cambus.connector.driver import FrameSink
from cambus.media.frame import Codec
from cambus.media.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from cambus.schemas.encoding import AudioCodec

SAMPLE_RATE: Final = 8000
"""Of G.711, in hertz; a sample is a byte."""

SPOKEN: Final[dict[AudioCodec, Codec]] = {"pcma": Codec.PCMA, "pcmu": Codec.PCMU}
"""What may be spoken; each is made into the other where the device wants that."""


class TalkLine(Protocol):
    """A talk that the device has agreed to."""

    @property
    def codec(self) -> Codec:
        """The codec it is to be sent: PCMA or PCMU, 8 kHz, mono."""

    async def send(self, sound: bytes) -> None:
        """Send coded sound; takes as long as it sounds. Raises `SessionEnd` when the line is dead."""

    async def flush(self) -> None:
        """There is a pause: send what is held back because it is no whole packet. Raises as `send`."""

    async def listen(self, sink: FrameSink) -> None:
        """Feed the sink with what the microphone hears; returns or raises `SessionEnd` when the line is dead."""

    async def close(self) -> None:
        """Tell the device that it is over and free the connection; never raises, may be called twice."""


def transcode(sound: bytes, spoken: Codec, wanted: Codec) -> bytes:
    """Make G.711 of one law into that of the other."""
    if spoken is wanted:
        return sound
    return encode_alaw(decode_ulaw(sound)) if wanted is Codec.PCMA else encode_ulaw(decode_alaw(sound))
