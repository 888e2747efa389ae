"""HLS playlists as text (RFC 8216 §4; draft-pantos-hls-rfc8216bis §4 for low latency).

Every address in them is relative to the playlist, so that the same text serves all sessions.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cambus.media_relay.format_hls import HlsFormat
from cambus.media_relay.hls_segments import Segment

CONTENT_TYPE: Final = "application/vnd.apple.mpegurl"
MEDIA_PLAYLIST: Final = "live.m3u8"

_VERSION: Final = 6
"""`EXT-X-MAP` in a playlist of whole pictures (RFC 8216 §7); nothing here needs more."""

_HOLD_BACK: Final = 3
"""Target durations, or part targets, a player stays behind the end (§4.4.3.8)."""

_PARTS_LISTED_FOR: Final = 3
"""Target durations from the end for which parts are listed (§6.2.2)."""


def multivariant_playlist(variants: Sequence[tuple[HlsFormat, str]]) -> str:
    """The playlist a player opens: its variants, the best first, each under the session that was opened for it."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{_VERSION}"]
    for form, session in variants:
        lines += [f"#EXT-X-STREAM-INF:{_variant(form)}", f"{session}/{MEDIA_PLAYLIST}"]
    return "\n".join(lines) + "\n"


def _variant(form: HlsFormat) -> str:
    bits = [8 * len(each.data or b"") / each.seconds for each in form.window.listed if each.complete]
    attributes = [
        f"BANDWIDTH={math.ceil(max(bits, default=1.0))}",
        f"AVERAGE-BANDWIDTH={math.ceil(sum(bits) / len(bits)) if bits else 1}",
        f'CODECS="{form.codecs}"',
        f"RESOLUTION={form.video.width}x{form.video.height}",
    ]
    if form.video.frame_rate is not None:
        attributes.append(f"FRAME-RATE={form.video.frame_rate:.3f}")
    return ",".join(attributes)


def media_playlist(form: HlsFormat) -> str:
    """The playlist of the segments and parts there are."""
    window = form.window
    segments = window.listed
    behind_s, parts_behind_s = _HOLD_BACK * form.target_s, _HOLD_BACK * form.part_target_s
    control = f"CAN-BLOCK-RELOAD=YES,HOLD-BACK={behind_s:.1f},PART-HOLD-BACK={parts_behind_s:.3f}"
    lines = [
        "#EXTM3U",
        f"#EXT-X-VERSION:{_VERSION}",
        f"#EXT-X-TARGETDURATION:{form.target_s}",
        f"#EXT-X-SERVER-CONTROL:{control}",
        f"#EXT-X-PART-INF:PART-TARGET={form.part_target_s:.3f}",
        f"#EXT-X-MEDIA-SEQUENCE:{segments[0].msn if segments else window.next_msn}",
        f"#EXT-X-DISCONTINUITY-SEQUENCE:{window.discontinuities}",
    ]
    if window.independent:  # said as long as it is true; once it is not, never again (RFC 8216 §6.2.1)
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    parts_from_s = sum(each.seconds for each in segments) - _PARTS_LISTED_FOR * form.target_s
    init: int | None = None
    at_s = 0.0
    for segment in segments:
        at_s += segment.seconds
        lines += _segment(segment, new_init=segment.init != init, with_parts=at_s > parts_from_s)
        init = segment.init
    if window.ended:
        lines.append("#EXT-X-ENDLIST")
    else:
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="part-{window.next_part}.m4s"')
    return "\n".join(lines) + "\n"


def _segment(segment: Segment, *, new_init: bool, with_parts: bool) -> list[str]:
    lines = ["#EXT-X-DISCONTINUITY"] if segment.discontinuity else []
    if new_init:
        lines.append(f'#EXT-X-MAP:URI="init-{segment.init}.mp4"')
    at = datetime.fromtimestamp(segment.wall_us / 1e6, UTC)
    lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{at.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}")
    if with_parts or not segment.complete:
        lines += [
            f'#EXT-X-PART:DURATION={part.seconds:.5f},URI="part-{part.number}.m4s"'
            + (",INDEPENDENT=YES" if part.independent else "")
            for part in segment.parts
        ]
    if segment.complete:
        lines += [f"#EXTINF:{segment.seconds:.5f},", f"segment-{segment.msn}.m4s"]
    return lines
