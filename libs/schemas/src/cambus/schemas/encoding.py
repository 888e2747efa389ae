"""What an encoder of a channel is set to."""

from typing import Literal

from pydantic import Field

from cambus.schemas.ids import ChannelNo, StreamName
from cambus.schemas.model import JsonObject, Message, example

VideoCodec = Literal["h264", "h265", "mpeg4", "mjpeg", "svac", "other"]
"""The codecs of encoders; frames on the bus are H.264, H.265, MPEG-4 or MJPEG."""

AudioCodec = Literal["pcma", "pcmu", "g726", "g722", "aac", "adpcm", "other"]
"""The codecs of sound."""

RateControl = Literal["cbr", "vbr"]
"""Constant or variable bit rate."""


class EncoderSettings(Message):
    """The settings of one encoder stream; None is what the device does not tell."""

    model_config = example(
        channel=0,
        stream="main",
        enabled=True,
        codec="h265",
        width=2560,
        height=1440,
        fps=25.0,
        rate_control="vbr",
        bitrate_kbps=4096,
        quality=4,
        gop_s=2.0,
        audio=True,
        audio_codec="pcma",
        native={},
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(description="Which encoder of the channel.")
    enabled: bool = Field(default=True, description="Whether the encoder runs.")
    codec: VideoCodec | None = Field(default=None, description="The video codec.")
    width: int | None = Field(default=None, gt=0, le=32768, description="Width in pixels.")
    height: int | None = Field(default=None, gt=0, le=32768, description="Height in pixels.")
    fps: float | None = Field(default=None, gt=0, le=1000, description="Frames per second.")
    rate_control: RateControl | None = Field(default=None, description="Constant or variable bit rate.")
    bitrate_kbps: int | None = Field(default=None, gt=0, description="Bit rate, or its bound, in kbit/s.")
    quality: int | None = Field(
        default=None, ge=1, le=6, description="Picture quality at variable rate, 6 is best."
    )
    gop_s: float | None = Field(default=None, gt=0, description="Seconds from one key frame to the next.")
    audio: bool | None = Field(default=None, description="Whether sound is in the stream.")
    audio_codec: AudioCodec | None = Field(default=None, description="The codec of that sound.")
    native: JsonObject = Field(default_factory=dict, description="The settings in the words of the protocol.")
