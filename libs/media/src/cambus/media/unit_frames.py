"""Units of a media session, as frames of the bus: pictures that can be decoded, sound that is described."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import Final

from cambus.media import h264, h265
from cambus.media.aac import FRAME_SAMPLES, iter_adts
from cambus.media.audio import AudioConfig, packet_samples
from cambus.media.bitreader import BitReader
from cambus.media.errors import BitstreamError
from cambus.media.frame import Codec, Flag, Frame, Kind
from cambus.media.mpegps import StreamUnit
from cambus.media.nal import LEADING_UNITS, iter_nal_offsets, join_annexb, unescape
from cambus.media.parameter_sets import ParameterSetTracker
from cambus.media.stamps import IN_ORDER, TICKS, Order, Stamps

SVAC_VIDEO: Final = 0x80
"""Stream type of pictures nobody outside of China's public security decodes."""
G711_RATE: Final = 8000
_VOP: Final = b"\x00\x00\x01\xb6"
_MPEG4_HEAD_BYTES: Final = 1024
_SLICE_TYPES: Final = 9
_INTRA: Final = frozenset({2, 4})
_BIDIRECTIONAL: Final = 1
GUESSED_REORDER: Final = 2
"""How far a stream is taken to reorder that does not say it, and does: what encoders use but for very few."""


@dataclass(frozen=True, slots=True)
class _Look:
    """What stands at the beginning of an access unit."""

    slices: bool
    keyframe: bool
    sets: bool


class FrameMaker:
    """Makes the bus's frames of one session.

    Args:
        stamps: gives them their times.
        audio: whether sound is wanted.
        described: what the sound is, where the session has said so; it then comes bare, AAC without ADTS too.

    Attributes:
        sound: what the sound is, None before the first.
        damaged: whether something was missing since this was last looked at.
        left_out: units that were not made into frames, by reason: `waiting` for a keyframe, `foreign` pictures.
    """

    def __init__(self, stamps: Stamps, *, audio: bool = True, described: AudioConfig | None = None) -> None:
        self.sound: AudioConfig | None = None
        self.damaged = False
        self.left_out: Counter[str] = Counter()
        self._stamps = stamps
        self._wants_audio = audio
        self._described = described
        self._sets = ParameterSetTracker()
        self._codec: Codec | None = None
        self._waiting = True
        self._reorders = False

    def know_sets(self, annexb: bytes, codec: Codec) -> None:
        """Parameter sets that came beside the stream: they are put before keyframes that come without."""
        self._sets.update(annexb, codec)

    def know_sound(self, described: AudioConfig | None) -> None:
        """The session says what the sound is; it comes bare from here on. None: it says for itself, as ADTS does."""
        self._described = described

    def wait_for_keyframe(self) -> None:
        """What comes next does not continue what came before."""
        self._waiting = True

    def frames(self, unit: StreamUnit, arrival_us: int) -> list[Frame]:
        """Return what a unit becomes: none, one, several, or a keyframe and what the sound is."""
        if unit.codec.is_video:
            return self._picture(unit, arrival_us)
        if unit.stream_type == SVAC_VIDEO:
            self.left_out["foreign"] += 1
            return []
        return self._heard(unit, arrival_us) if self._wants_audio else []

    # --- pictures ---------------------------------------------------------------------------------------

    def _picture(self, unit: StreamUnit, arrival_us: int) -> list[Frame]:
        self.damaged = self.damaged or unit.discontinuity
        changed = self._codec is not None and unit.codec is not self._codec
        if changed:
            self._waiting, self._sets, self._reorders = True, ParameterSetTracker(), False
        self._codec = unit.codec
        payload, keyframe = self._decodable(unit)
        if not payload or (self._waiting and not keyframe):
            self.left_out["waiting"] += bool(payload)
            return []
        order = self._order(unit)
        pts, dts = self._stamps.video(unit, arrival_us, keyframe=keyframe, order=order)
        flags = Flag.KEYFRAME if keyframe else Flag.NONE
        if unit.discontinuity or changed or getattr(self._stamps, "jumped", False):
            flags |= Flag.DISCONTINUITY
        self._waiting = False
        frames = [Frame(Kind.VIDEO, unit.codec, flags, 0, pts, dts, arrival_us, payload)]
        if keyframe and self.sound is not None:
            frames.append(self._config(self.sound, pts, arrival_us))
        return frames

    def _order(self, unit: StreamUnit) -> Order:
        """How far pictures are reordered: as their parameter sets say; where these are silent, by what is seen."""
        params = self._sets.params
        if params is None or unit.dts is not None:
            return IN_ORDER
        if params.reorder is not None:
            depth = params.reorder
        else:
            if unit.codec is Codec.H264 and not self._reorders:
                self._reorders = _is_bidirectional(unit.payload)
            depth = GUESSED_REORDER if self._reorders else 0
        return Order(depth, int(TICKS / params.frame_rate)) if depth and params.frame_rate else Order(depth)

    def _decodable(self, unit: StreamUnit) -> tuple[bytes, bool]:
        """A picture with what is needed to decode it, and whether that is possible from here; empty for none."""
        if unit.codec not in {Codec.H264, Codec.H265}:
            return unit.payload, _is_intra_vop(unit.payload)
        look = _look(unit.payload, unit.codec)
        if look.sets:
            self._sets.update(unit.payload, unit.codec)
        if not look.slices:  # parameter sets of their own are put before the next keyframe
            return b"", False
        if not look.keyframe:
            return unit.payload, False
        if look.sets:
            return unit.payload, True
        params = self._sets.params
        if params is None:
            return unit.payload, False
        return join_annexb(*params.sets) + unit.payload, True

    # --- sound ------------------------------------------------------------------------------------------

    def _heard(self, unit: StreamUnit, arrival_us: int) -> list[Frame]:
        if self._described is not None:
            samples = packet_samples(self._described, unit.payload)
            return self._piece(unit, self._described, unit.payload, samples, arrival_us)
        if unit.codec is Codec.AAC:
            return self._aac(unit, arrival_us)
        known = unit.codec in {Codec.PCMA, Codec.PCMU}
        config = AudioConfig(unit.codec, G711_RATE, 1)
        return self._piece(unit, config, unit.payload, len(unit.payload) if known else 0, arrival_us)

    def _aac(self, unit: StreamUnit, arrival_us: int) -> list[Frame]:
        """AAC as ADTS has it: on the bus without its headers, described beforehand (ISO/IEC 13818-7 §6.2)."""
        frames: list[Frame] = []
        for parameters, piece in iter_adts(unit.payload):
            rate = parameters.sample_rate
            config = AudioConfig(Codec.AAC, rate, parameters.channels, parameters.serialize())
            step = len(frames) and FRAME_SAMPLES * 90_000 // rate
            unit = StreamUnit(unit.codec, unit.stream_type, piece, unit.pts and unit.pts + step)
            frames += self._piece(unit, config, piece, FRAME_SAMPLES, arrival_us)
        return frames

    def _piece(
        self, unit: StreamUnit, config: AudioConfig, payload: bytes, samples: int, arrival_us: int
    ) -> list[Frame]:
        pts = self._stamps.audio(unit, arrival_us, samples=samples, rate=config.sample_rate)
        frames = [Frame(Kind.AUDIO, unit.codec, Flag.NONE, 0, pts, pts, arrival_us, payload)]
        if config != self.sound:
            self.sound = config
            frames.insert(0, self._config(config, pts, arrival_us))
        return frames

    @staticmethod
    def _config(sound: AudioConfig, pts: int, arrival_us: int) -> Frame:
        return Frame(Kind.AUDIO_CONFIG, sound.codec, Flag.CONFIG, 0, pts, pts, arrival_us, sound.serialize())


def _look(annexb: bytes, codec: Codec) -> _Look:
    """Look at an access unit up to its first slice; no slice is searched."""
    sets = False
    for at in islice(iter_nal_offsets(annexb), LEADING_UNITS):
        if codec is Codec.H264:
            kind = h264.nal_type(annexb[at])
            if h264.is_vcl(kind):
                keyframe = kind == h264.NalType.SLICE_IDR or (sets and _is_intra_slice(annexb[at : at + 16]))
                return _Look(slices=True, keyframe=keyframe, sets=sets)
            sets = sets or kind == h264.NalType.SPS
        else:
            kind = h265.nal_type(annexb[at])
            if h265.is_vcl(kind):
                return _Look(slices=True, keyframe=h265.is_irap(kind), sets=sets)
            sets = sets or kind == h265.NalType.SPS
    return _Look(slices=False, keyframe=False, sets=sets)


def _is_intra_slice(start: bytes) -> bool:
    """Whether a slice refers to no other picture (H.264 §7.3.3, table 7-6).

    Some cameras never send an IDR picture; they begin each group with parameter sets and such a slice.
    """
    return _slice_kind(start) in _INTRA


def _is_bidirectional(annexb: bytes) -> bool:
    """Whether a picture of H.264 begins with a B slice: it may be shown before one that was decoded before."""
    for at in islice(iter_nal_offsets(annexb), LEADING_UNITS):
        if h264.is_vcl(h264.nal_type(annexb[at])):
            return _slice_kind(annexb[at : at + 16]) == _BIDIRECTIONAL
    return False


def _slice_kind(start: bytes) -> int | None:
    """slice_type of H.264 modulo 5; None where a slice breaks off."""
    reader = BitReader(unescape(start[1:]), "H.264 slice")
    try:
        reader.ue()  # first_mb_in_slice
        return reader.ue(_SLICE_TYPES) % 5
    except BitstreamError:
        return None


def _is_intra_vop(payload: bytes) -> bool:
    """Whether an MPEG-4 picture is coded without others (ISO/IEC 14496-2 §6.2.5: vop_coding_type)."""
    at = payload.find(_VOP, 0, _MPEG4_HEAD_BYTES)
    return 0 <= at < len(payload) - len(_VOP) and payload[at + len(_VOP)] >> 6 == 0
