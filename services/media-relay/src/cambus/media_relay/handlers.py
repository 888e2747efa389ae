"""The commands the relay answers."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from cambus.bus.calls import CallContext
from cambus.media.frame import Codec
from cambus.media_relay.access import Access
from cambus.media_relay.addresses import MEDIA, Addresses
from cambus.media_relay.directory import Directory
from cambus.media_relay.key import StreamKey
from cambus.media_relay.stream import RelayedStream
from cambus.media_relay.streams import Streams
from cambus.media_relay.tokens import purpose_of
from cambus.schemas.commands import media_relay
from cambus.schemas.encoding import AudioCodec, VideoCodec
from cambus.schemas.errors import NotFound, Unsupported
from cambus.schemas.model import Empty
from cambus.schemas.state.relay_tokens import TokenPurpose

_VIDEO: Final[dict[Codec, VideoCodec]] = {Codec.H264: "h264", Codec.H265: "h265"}
_AUDIO: Final[dict[Codec, AudioCodec]] = {
    Codec.PCMA: "pcma",
    Codec.PCMU: "pcmu",
    Codec.G726: "g726",
    Codec.AAC: "aac",
}


class Handlers:
    """`media-relay.live.open`, `media-relay.token.issue` and `media-relay.streams.list`."""

    def __init__(self, streams: Streams, directory: Directory, access: Access, addresses: Addresses) -> None:
        self._streams = streams
        self._directory = directory
        self._access = access
        self._addresses = addresses

    async def live_open(
        self, context: CallContext, request: media_relay.LiveOpenRequest
    ) -> media_relay.LiveUrls:
        """Hand out addresses; nothing is opened until somebody watches."""
        del context
        key = StreamKey(request.device, request.channel, request.stream)
        if not key.of_recorder:
            if not await self._directory.exists(request.device):
                raise NotFound("there is no such device", reason="no-such-device")
            if not self._directory.may_have(request.device, request.channel):
                raise NotFound(f"the device has no channel {request.channel}", reason="no-such-channel")
        tokens = self._access.tokens
        if tokens is None:
            shared = dict.fromkeys((*MEDIA, "page"), self._access.token())
            return self._addresses.urls(key, shared)
        purposes: dict[str, TokenPurpose] = {
            **dict.fromkeys(MEDIA, purpose_of(key)),
            "jpeg": "snapshot",
            "page": "page",
        }
        issued = await asyncio.gather(*(tokens.issue(key, purpose) for purpose in purposes.values()))
        return self._addresses.urls(
            key,
            {name: each.token.get_secret_value() for name, each in zip(purposes, issued, strict=True)},
            expires_at=min(each.expires_at for each in issued),
        )

    async def token_issue(
        self, context: CallContext, request: media_relay.TokenIssueRequest
    ) -> media_relay.IssuedToken:
        """Hand out a token, whether there is such a stream or not."""
        del context
        tokens = self._access.tokens
        if tokens is None:
            raise Unsupported("this relay asks for no tokens of single streams", reason="no-tokens")
        return await tokens.issue(StreamKey(request.device, request.channel, request.stream), request.purpose)

    async def streams_list(self, context: CallContext, request: Empty) -> media_relay.StreamsListReply:
        """The streams this process relays."""
        del context, request
        running = [_relayed(key, stream) for key, stream in self._streams.running.items()]
        return media_relay.StreamsListReply(replica=self._addresses.replica, streams=running)


def _relayed(key: StreamKey, stream: RelayedStream) -> media_relay.RelayedStream:
    hub = stream.hub
    viewers: dict[str, int] = {}
    for rendition in hub.renditions.values():
        viewers[rendition.name] = viewers.get(rendition.name, 0) + len(rendition.viewers)
    return media_relay.RelayedStream(
        device=key.device,
        channel=key.channel,
        stream=key.stream,
        codec=_VIDEO.get(hub.video.codec) if hub.video is not None else None,
        width=hub.video.width if hub.video is not None else None,
        height=hub.video.height if hub.video is not None else None,
        audio_codec=_AUDIO.get(hub.audio.codec) if hub.audio is not None else None,
        since=datetime.now(UTC) - timedelta(seconds=time.monotonic() - stream.started_at),
        viewers=viewers,
        gaps=hub.counts.gaps,
        dropped=hub.counts.dropped,
    )
