"""Which format makes which output."""

from cambus.media.audio import AudioConfig
from cambus.media.parameter_sets import VideoParams
from cambus.media_relay.format_flv import FlvFormat
from cambus.media_relay.format_fmp4 import Fmp4Format
from cambus.media_relay.format_hls import HlsFormat
from cambus.media_relay.format_rtp import RtpFormat
from cambus.media_relay.format_ts import TsFormat
from cambus.media_relay.hls_folder import HlsFolder
from cambus.media_relay.hls_segments import HlsLimits
from cambus.media_relay.output import Container, Output
from cambus.media_relay.rendition import Format


def make_format(
    output: Output,
    video: VideoParams,
    audio: AudioConfig | None,
    base_dts: int,
    *,
    hls: HlsLimits | None = None,
    hls_folder: HlsFolder | None = None,
) -> Format:
    """The format of an output, its time beginning at `base_dts`; `audio` is the sound of the output itself.

    `hls` says how HLS is cut, `hls_folder` where its segments are kept.
    """
    if output.container is Container.HLS:
        return HlsFormat(video, audio, base_dts, hls or HlsLimits(), hls_folder)
    if output.container is Container.RTP:
        return RtpFormat(output, video, audio)
    if output.container is Container.FLV:
        return FlvFormat(output, video, audio, base_dts)
    if output.container is Container.TS:
        return TsFormat(output, video, audio, base_dts)
    return Fmp4Format(output, video, audio, base_dts)
