"""Which sound an output gets of what a stream has: as it is, in another codec, or none."""

from cambus.media import flv, mp4_entries, rtp, ts_muxer
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec
from cambus.media.transcoder import can_transcode, target_config
from cambus.media_relay.output import Container, Output, Sound

G711 = frozenset({Codec.PCMA, Codec.PCMU})
_WANTED = {
    Sound.AAC: frozenset({Codec.AAC}),
    Sound.OPUS: frozenset({Codec.OPUS}),
    Sound.G711: G711,
    Sound.FLAC: G711 | {Codec.FLAC},
}
_MADE = {Sound.AAC: Codec.AAC, Sound.OPUS: Codec.OPUS, Sound.G711: Codec.PCMA, Sound.FLAC: Codec.FLAC}


def sound_of(output: Output, source: AudioConfig | None) -> AudioConfig | None:
    """The sound of an output; None for none.

    It is the very `source` where that goes out as it is. Another one is what a transcoder makes of it
    (`transcoder.target_config`). `as_flac` says which G.711 a muxer then makes FLAC of.
    """
    if source is None or output.sound is Sound.NONE:
        return None
    wanted = _WANTED.get(output.sound)
    if _carries(output, source) and (wanted is None or source.codec in wanted):
        return source
    codec = _MADE.get(output.sound, Codec.AAC)
    if not can_transcode(source, codec):
        return None
    target = target_config(source, codec)
    return target if _carries(output, target) else None


def as_flac(output: Output, sound: AudioConfig | None) -> bool:
    """Whether this sound of an output is to be carried as FLAC: browsers play no G.711."""
    return sound is not None and sound.codec in G711 and output.sound in {Sound.FLAC, Sound.BROWSER}


def _carries(output: Output, audio: AudioConfig) -> bool:
    if output.container is Container.FLV:
        return flv.can_carry(audio)
    if output.container is Container.RTP:
        return rtp.can_carry(audio)
    if output.container is Container.TS:
        return ts_muxer.can_carry(audio)
    return mp4_entries.can_carry(audio, as_flac=as_flac(output, audio))
