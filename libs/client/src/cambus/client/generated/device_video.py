"""Commands to a device about video. Generated from the catalog by `make schemas`; not edited by hand."""

from typing import Literal

from cambus.client.namespace import Commands
from cambus.schemas.commands import video as video_commands


class VideoCommands(Commands):
    """Commands to a device about video."""

    async def get(
        self,
        *,
        channel: int | None = None,
        stream: Literal["main", "sub", "third", "fourth"] | None = None,
        within_s: float | None = None,
    ) -> video_commands.VideoGetReply:
        """Read encoder settings.

        The command `video.get`.

        Args:
            channel: The channel, counted from 0; None for every channel.
            stream: Which encoder; None for every one.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(video_commands.GET, within_s, channel=channel, stream=stream)

    async def set(
        self,
        *,
        channel: int,
        stream: Literal["main", "sub", "third", "fourth"] = "main",
        enabled: bool | None = None,
        codec: Literal["h264", "h265", "mpeg4", "mjpeg", "svac", "other"] | None = None,
        width: int | None = None,
        height: int | None = None,
        fps: float | None = None,
        rate_control: Literal["cbr", "vbr"] | None = None,
        bitrate_kbps: int | None = None,
        quality: int | None = None,
        gop_s: float | None = None,
        audio: bool | None = None,
        audio_codec: Literal["pcma", "pcmu", "g726", "g722", "aac", "adpcm", "other"] | None = None,
        within_s: float | None = None,
    ) -> video_commands.VideoSetReply:
        """Change encoder settings.

        The command `video.set`.

        Args:
            channel: The channel, counted from 0.
            stream: Which encoder of the channel.
            enabled: Whether the encoder runs.
            codec: The video codec.
            width: Width in pixels; give the height too.
            height: Height in pixels; give the width too.
            fps: Frames per second.
            rate_control: Constant or variable bit rate.
            bitrate_kbps: Bit rate, or its bound, in kbit/s.
            quality: Picture quality at variable rate, 6 is best.
            gop_s: Seconds from one key frame to the next.
            audio: Whether sound is in the stream.
            audio_codec: The codec of that sound.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(
            video_commands.SET,
            within_s,
            channel=channel,
            stream=stream,
            enabled=enabled,
            codec=codec,
            width=width,
            height=height,
            fps=fps,
            rate_control=rate_control,
            bitrate_kbps=bitrate_kbps,
            quality=quality,
            gop_s=gop_s,
            audio=audio,
            audio_codec=audio_codec,
        )
