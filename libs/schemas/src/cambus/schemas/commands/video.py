"""The encoders of a device."""

from pydantic import Field

from cambus.schemas.encoding import AudioCodec, EncoderSettings, RateControl, VideoCodec
from cambus.schemas.ids import ChannelNo, StreamName
from cambus.schemas.model import Message, example
from cambus.schemas.spec import CommandSpec


class VideoGetRequest(Message):
    """Ask for encoder settings; without a channel, or without a stream, for all of them."""

    model_config = example(channel=0, stream=None)

    channel: ChannelNo | None = Field(
        default=None, description="The channel, counted from 0; None for every channel."
    )
    stream: StreamName | None = Field(default=None, description="Which encoder; None for every one.")


class VideoGetReply(Message):
    """The encoder settings that were asked for."""

    model_config = example(
        encoders=[{"channel": 0, "stream": "main", "codec": "h264", "width": 1920, "height": 1080}]
    )

    encoders: list[EncoderSettings] = Field(description="One entry for each encoder stream.")


class VideoSetRequest(Message):
    """Change some settings of one encoder; None leaves a setting as it is."""

    model_config = example(
        channel=0, stream="sub", codec="h264", width=640, height=360, fps=12.0, bitrate_kbps=512
    )

    channel: ChannelNo = Field(description="The channel, counted from 0.")
    stream: StreamName = Field(default="main", description="Which encoder of the channel.")
    enabled: bool | None = Field(default=None, description="Whether the encoder runs.")
    codec: VideoCodec | None = Field(default=None, description="The video codec.")
    width: int | None = Field(
        default=None, gt=0, le=32768, description="Width in pixels; give the height too."
    )
    height: int | None = Field(
        default=None, gt=0, le=32768, description="Height in pixels; give the width too."
    )
    fps: float | None = Field(default=None, gt=0, le=1000, description="Frames per second.")
    rate_control: RateControl | None = Field(default=None, description="Constant or variable bit rate.")
    bitrate_kbps: int | None = Field(default=None, gt=0, description="Bit rate, or its bound, in kbit/s.")
    quality: int | None = Field(
        default=None, ge=1, le=6, description="Picture quality at variable rate, 6 is best."
    )
    gop_s: float | None = Field(default=None, gt=0, description="Seconds from one key frame to the next.")
    audio: bool | None = Field(default=None, description="Whether sound is in the stream.")
    audio_codec: AudioCodec | None = Field(default=None, description="The codec of that sound.")


class VideoSetReply(Message):
    """What the encoder is set to now, as the device reports it afterwards."""

    model_config = example(
        settings={"channel": 0, "stream": "sub", "codec": "h264", "width": 640, "height": 360, "fps": 12.0},
        restart_needed=False,
    )

    settings: EncoderSettings = Field(
        description="The settings as read back; devices round and clamp silently."
    )
    restart_needed: bool = Field(
        default=False, description="True if the device applies them after a restart only."
    )


GET = CommandSpec(
    "video", "get", VideoGetRequest, VideoGetReply, "Read encoder settings.", timeout_s=30.0, idempotent=True
)
SET = CommandSpec(
    "video",
    "set",
    VideoSetRequest,
    VideoSetReply,
    "Change encoder settings.",
    timeout_s=30.0,
    idempotent=True,
)
