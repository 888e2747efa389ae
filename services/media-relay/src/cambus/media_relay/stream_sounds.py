"""The transcoded sounds of one stream: a transcoder for each codec that somebody needs, and what it made so far."""

from collections.abc import Callable, Collection, Sequence
from typing import Final, Protocol

from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Frame

MOST_KEPT: Final = 8192
"""Frames kept of one group of pictures: several minutes."""


class Feed(Protocol):
    """A transcoder at work, as `sound_feed.SoundFeed` is one."""

    @property
    def lost(self) -> int:
        """Packets it could not use."""

    def push(self, frame: Frame) -> None:
        """Take an audio frame of the source; must not block."""

    def finish(self) -> None:
        """Deliver what is still inside."""

    async def settled(self) -> None:
        """Wait until what was pushed has been delivered."""

    def close(self) -> None:
        """Deliver nothing any more."""


FeedFactory = Callable[[AudioConfig, Codec], Feed]
"""The sound of the source and the codec wanted; delivers by `StreamHub.push_sound`."""


class StreamSounds:
    """Keeps a feed for each codec, and the frames it made since the last keyframe for outputs that begin later."""

    def __init__(self, make_feed: FeedFactory) -> None:
        self._make_feed = make_feed
        self._feeds: dict[Codec, Feed] = {}
        self._group: dict[Codec, list[Frame]] = {}
        self._group_dts: int | None = None
        self._lost = 0

    @property
    def lost(self) -> int:
        """Packets that were not transcoded, of all transcoders there ever were."""
        return self._lost + sum(feed.lost for feed in self._feeds.values())

    @property
    def codecs(self) -> Collection[Codec]:
        """What is being made."""
        return self._feeds.keys()

    def open(self, source: AudioConfig, codec: Codec, group: Sequence[Frame]) -> None:
        """Begin to make a codec, unless it is made already, with the frames of the cached group of pictures."""
        if codec in self._feeds:
            return
        feed = self._feeds[codec] = self._make_feed(source, codec)
        self._group[codec] = []
        if group:
            self._group_dts = group[0].dts
        for frame in group:
            if frame.codec is source.codec:
                feed.push(frame)

    def push(self, frame: Frame) -> None:
        """Hand an audio frame of the source to every transcoder."""
        for feed in self._feeds.values():
            feed.push(frame)

    def keep(self, codec: Codec, frames: Sequence[Frame]) -> None:
        """Remember what a transcoder made."""
        kept = self._group.get(codec)
        if kept is not None and len(kept) + len(frames) <= MOST_KEPT:
            kept += frames

    def begin_group(self, dts: int) -> None:
        """A keyframe has come: forget the sound before it."""
        self._group_dts = dts
        for codec, frames in self._group.items():
            self._group[codec] = [frame for frame in frames if frame.pts >= dts]

    def with_group(self, codec: Codec, group: Sequence[Frame]) -> list[Frame]:
        """The pictures of the cached group with the sound of that codec among them, a keyframe first."""
        begin = self._group_dts
        sound = [frame for frame in self._group.get(codec, ()) if begin is None or frame.pts >= begin]
        pictures = [frame for frame in group if frame.codec.is_video]
        return sorted([*pictures, *sound], key=lambda frame: frame.dts) if pictures else []

    async def settled(self, codec: Codec) -> None:
        """Wait until a transcoder has done what it was given."""
        feed = self._feeds.get(codec)
        if feed is not None:
            await feed.settled()

    async def finish(self) -> None:
        """The stream has ended: wait until every transcoder has delivered all it has."""
        for feed in self._feeds.values():
            feed.finish()
        for feed in tuple(self._feeds.values()):
            await feed.settled()

    def retain(self, codecs: Collection[Codec]) -> None:
        """End every transcoder but those of these codecs."""
        for codec in [each for each in self._feeds if each not in codecs]:
            feed = self._feeds.pop(codec)
            feed.close()
            self._lost += feed.lost
            del self._group[codec]
