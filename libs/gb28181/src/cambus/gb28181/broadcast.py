"""Sound to a device: it is told to fetch it, and then invites us (§8.5, GB-190 to GB-196)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from cambus.gb28181.errors import DeviceOffline, Refused, Unconfirmed
from cambus.gb28181.loudspeaker import Loudspeaker
from cambus.gb28181.manscdp.notices import Broadcast, BroadcastAnswer
from cambus.gb28181.media_settings import MediaSettings
from cambus.gb28181.platform import Gb28181Platform
from cambus.gb28181.sound_packets import PACKET_SAMPLES
from cambus.gb28181.ssrc import SsrcPool
from cambus.sip.events import RequestReceived
from cambus.sip.uri import SipUri

__all__ = ["MAX_LOUDSPEAKERS", "PACKET_SAMPLES", "Broadcasts", "Speech", "target_of"]

MAX_LOUDSPEAKERS: Final = 32


def target_of(device: str, channel: str | None, outputs: Mapping[str, str | None]) -> str:
    """Who is told to fetch sound: an audio output, else the channel, else the device (GB-195).

    Args:
        device: its code.
        channel: that of the camera that is to speak; None for the device itself.
        outputs: the audio outputs of its catalog (137), each with the code it belongs to.
    """
    for parent in (channel, device):
        found = next((code for code, owner in outputs.items() if parent and owner == parent), None)
        if found is not None:
            return found
    return channel or device


class Broadcasts:
    """All broadcasts of one platform.

    Args:
        platform: whose devices.
        settings: where sound is sent from.
        ssrcs: gives out the numbers of those whose offer has none.
    """

    def __init__(
        self, platform: Gb28181Platform, settings: MediaSettings, ssrcs: SsrcPool | None = None
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._ssrcs = ssrcs or SsrcPool(platform.settings.domain)
        self._speeches: dict[str, Speech] = {}
        platform.on_invite(self._invited)

    @property
    def open_speeches(self) -> list[Speech]:
        """Those under way."""
        return list(self._speeches.values())

    async def open(self, device: str, target: str) -> Speech:
        """Have a device fetch our sound.

        Args:
            device: its code.
            target: who is to be heard: an audio output, a channel or the device; see `target_of`.

        Raises:
            DeviceOffline: it is not there, or went meanwhile.
            Refused: the device does not want to, or is spoken to already.
            Unconfirmed: it did not say, or did not fetch the sound in time.
            MediaError: no number is free.
        """
        if device in self._speeches:
            raise Refused("somebody else speaks through the device", status=486)
        now = asyncio.get_running_loop().time
        ssrc = self._ssrcs.take(now(), history=False)
        speech = Speech(self._platform, self._settings, device, target, ssrc)
        self._speeches[device] = speech
        speech.on_closed(lambda: self._over(speech))
        try:
            await self._order(device, target)
            await self._fetched(speech)
        except BaseException:
            await speech.close()
            raise
        return speech

    def offline(self, device: str) -> None:
        """The device went offline: nobody listens any more."""
        speech = self._speeches.get(device)
        if speech is not None:
            speech.gone()

    async def close(self) -> None:
        """Hang up everywhere."""
        await asyncio.gather(*(speech.close() for speech in self.open_speeches))
        self._platform.on_invite(None)

    def _over(self, speech: Speech) -> None:
        if self._speeches.get(speech.device) is speech:
            del self._speeches[speech.device]
            self._ssrcs.give_back(speech.ssrc, asyncio.get_running_loop().time())

    async def _order(self, device: str, target: str) -> None:
        order = Broadcast(self._platform.settings.code, target)
        charset = self._platform.charset_of(device)
        answer = await self._platform.device(device).exchange(
            BroadcastAnswer.COMMAND,
            lambda sn: order.serialize(sn, None, charset=charset),
            self._platform.settings.times.broadcast_answer_s,
        )
        if answer.result is False:
            raise Refused("the device does not take the broadcast")

    async def _fetched(self, speech: Speech) -> None:
        try:
            async with asyncio.timeout(self._platform.settings.times.broadcast_invite_s):
                await speech.ready.wait()
        except TimeoutError:
            raise Unconfirmed("the device took the broadcast and never fetched it") from None
        if speech.is_gone:
            raise DeviceOffline("the device went offline meanwhile")

    def _invited(self, event: RequestReceived) -> None:
        """The INVITE of a device; one that was not told to, or is not where it registered, is refused (GB-193)."""
        code = SipUri.parse(event.request.from_.uri).user
        here = [each for each in self._speeches.values() if each.is_from(event)]
        named = [each for each in here if code in {each.device, each.target}]
        found = next(iter(named or here), None) if named or len(here) == 1 else None
        if found is None:
            self._platform.endpoint.respond(event.transaction, 403)
        elif not found.invited(event):
            self._platform.endpoint.respond(event.transaction, 486)


class Speech:
    """Our sound on its way to one device, which may have several loudspeakers.

    Args:
        platform: whose device.
        settings: where sound is sent from.
        device: its code.
        target: who was told to fetch it.
        ssrc: of our packets, where an offer has none.

    Attributes:
        ready: set once the device can hear.
        ended: set once it has hung up.
        is_gone: whether the device went offline.
    """

    def __init__(
        self, platform: Gb28181Platform, settings: MediaSettings, device: str, target: str, ssrc: int
    ) -> None:
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.device = device
        self.target = target
        self.ssrc = ssrc
        self.is_gone = False
        self._platform = platform
        self._settings = settings
        self._loudspeakers: dict[asyncio.Task[None], Loudspeaker] = {}
        self._on_closed: Callable[[], None] | None = None
        self._closed = False

    @property
    def loudspeakers(self) -> int:
        """How many hear it."""
        return len(self._loudspeakers)

    def on_closed(self, call: Callable[[], None]) -> None:
        """Whom to tell that it is over."""
        self._on_closed = call

    def is_from(self, event: RequestReceived) -> bool:
        """Whether a request comes from where the device is registered."""
        binding = self._platform.registrar.binding(self.device)
        return binding is not None and binding.peer == event.peer

    def invited(self, event: RequestReceived) -> bool:
        """The device fetches the sound; a host may do so once for each of its loudspeakers. Whether it may."""
        if self._closed or len(self._loudspeakers) >= MAX_LOUDSPEAKERS:
            return False
        loudspeaker = Loudspeaker(self._platform, self._settings, self.device, event, self.ssrc)
        task = asyncio.create_task(loudspeaker.start(self.ready.set), name="gb28181 broadcast")
        self._loudspeakers[task] = loudspeaker
        task.add_done_callback(self._left)
        return True

    def send(self, samples: bytes) -> None:
        """Send G.711 A-law, at the pace it is to be heard; it leaves in packets of 20 ms."""
        for loudspeaker in self._loudspeakers.values():
            if loudspeaker.ready.is_set():
                loudspeaker.send(samples)

    def gone(self) -> None:
        """The device went offline."""
        self.is_gone = True
        self.ready.set()
        self.ended.set()

    async def close(self) -> None:
        """Hang up; may be called twice."""
        if self._closed:
            return
        self._closed = True
        tasks = list(self._loudspeakers)
        for loudspeaker in self._loudspeakers.values():
            loudspeaker.hang_up()
        try:
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:  # whoever closes it may be cancelled: nobody else could speak ever after
            self.ended.set()
            if self._on_closed is not None:
                self._on_closed()

    def _left(self, task: asyncio.Task[None]) -> None:
        """One hears no more; with the last, it is over."""
        self._loudspeakers.pop(task, None)
        if not self._loudspeakers and self.ready.is_set():
            self.ended.set()
