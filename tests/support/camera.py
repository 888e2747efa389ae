"""A device on the bus, played by a test: it answers claims and publishes real pictures and sound."""

import asyncio
import time
from collections.abc import Callable
from typing import Self

from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.client.kv import KeyValue
from cambus.media.audio import AudioConfig
from cambus.media.frame import Codec, Flag, Frame, Kind, encode_frame
from cambus.schemas.assets import KV_PRESENCE
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.commands import live, ptz
from cambus.schemas.errors import CambusError, NotFound
from cambus.schemas.model import Done
from cambus.schemas.state.presence import Presence
from cambus.schemas.subjects import media_subject
from cambus.simulators.tone import channel_tone
from cambus.simulators.video_loop import LoopStore, VideoSpec

H264 = VideoSpec(width=320, height=240, fps=25, bitrate=300_000)
H265 = VideoSpec(codec=Codec.H265, width=320, height=240, fps=25, bitrate=300_000)
CALM = {
    "spec": VideoSpec(width=320, height=240, fps=5, bitrate=100_000),
    "sound": False,
    "pace": 1.0,
}
"""A camera that costs whoever shows its pictures little."""
CONFIG = AudioConfig(Codec.PCMA, 8000, 1)


class Camera:
    """One device on the bus: counts claims, publishes while it has any, twice as fast as it happened."""

    def __init__(
        self, bus: Bus, device: str, spec: VideoSpec, *, sound: bool = True, pace: float = 2.0
    ) -> None:
        self.bus = bus
        self.device = device
        self.spec = spec
        self.sound = sound
        self.pace = pace
        self.claims: set[str] = set()
        self.ever_claimed: set[str] = set()
        self.touches = 0
        self.refusal: CambusError | None = None
        self.keyframes_asked = 0
        self.cannot: CambusError | None = None
        self.moves: list[object] = []
        self.presets: dict[int, str] = {}
        self.gone_to: list[int] = []
        self.late_s = 0.0
        self.changed = asyncio.Event()
        self._endpoints = Endpoints(bus, "camera")
        self._publishing: asyncio.Task[None] | None = None
        self._seq = 0

    async def __aenter__(self) -> Self:
        self._endpoints.add(live.START, self._start)
        self._endpoints.add(live.TOUCH, self._touch)
        self._endpoints.add(live.STOP, self._stop)
        self._endpoints.add(live.KEYFRAME, self._keyframe)
        self._endpoints.add(ptz.MOVE, self._move)
        self._endpoints.add(ptz.STOP, self._move)
        self._endpoints.add(ptz.PRESET_LIST, self._list_presets)
        self._endpoints.add(ptz.PRESET_SET, self._set_preset)
        self._endpoints.add(ptz.PRESET_GOTO, self._go_to_preset)
        self._endpoints.add(ptz.PRESET_CLEAR, self._clear_preset)
        await self._endpoints.start()
        await self.go_online()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.go_offline()
        await KeyValue(self.bus, KV_PRESENCE, Presence).delete(self.device)
        await self._endpoints.drain(1.0)

    async def go_online(self) -> None:
        await self._endpoints.hold(self.device)
        await self._show(online=True)

    async def go_offline(self) -> None:
        await self._endpoints.release(self.device)
        self.claims.clear()
        await self._end_publishing()
        await self._show(online=False)

    async def fall_silent(self) -> None:
        """Send nothing any more, and say nothing of it."""
        await self._end_publishing()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that a command changes."""
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    async def publish(self, *frames: Frame) -> None:
        subject = media_subject(self.device, 0, "main")
        for frame in frames:
            for message in encode_frame(frame, self.bus.max_payload):
                await self.bus.publish(subject, message)

    def frame(self, kind: Kind, codec: Codec, pts: int, payload: bytes, flags: Flag = Flag.NONE) -> Frame:
        """The next frame of the main stream."""
        self._seq += 1
        return Frame(kind, codec, flags, self._seq, pts, pts, self._wall_us(), payload)

    def _wall_us(self) -> int:
        """When a frame came from the device: now, unless it is told otherwise."""
        return time.time_ns() // 1000 - round(self.late_s * 1_000_000)

    def picture(self, index: int) -> list[Frame]:
        """Frame `index` of the loop, with the sound that goes with it."""
        unit = LoopStore.shared.get(self.spec).unit(index)
        pts = index * 90_000 // self.spec.fps
        frames = []
        if unit.keyframe and self.sound:
            frames.append(self.frame(Kind.AUDIO_CONFIG, CONFIG.codec, pts, CONFIG.serialize(), Flag.CONFIG))
        flags = Flag.KEYFRAME if unit.keyframe else Flag.NONE
        frames.append(self.frame(Kind.VIDEO, self.spec.codec, pts, unit.data, flags))
        if self.sound:
            tone = channel_tone(1)
            frames.append(self.frame(Kind.AUDIO, CONFIG.codec, pts, tone[index % len(tone)]))
        return frames

    async def _show(self, *, online: bool) -> None:
        presence = Presence(
            device=self.device,
            online=online,
            since="2026-02-01T00:00:00Z",  # type: ignore[arg-type]
            vendor="Acme",
            model="<b>Model</b> 7",
            channels=[ChannelInfo(channel=0, name="<i>Gate</i> & yard", ptz=True, streams=["main", "sub"])],
        )
        await KeyValue(self.bus, KV_PRESENCE, Presence).put(self.device, presence)

    async def _start(self, context: object, request: live.LiveStartRequest) -> live.LiveStartReply:
        if self.refusal is not None:
            raise self.refusal
        if request.channel != 0:
            raise NotFound("the device has one channel", reason="no-such-channel")
        self.claims.add(request.claimant)
        self.ever_claimed.add(request.claimant)
        self.changed.set()
        if self._publishing is None and self.pace:
            self._publishing = asyncio.create_task(self._publish_loop())
        subject = media_subject(self.device, request.channel, request.stream)
        return live.LiveStartReply(subject=subject, ttl_s=request.ttl_s)

    async def _touch(self, context: object, request: live.LiveTouchRequest) -> live.LiveStartReply:
        self.touches += 1
        return await self._start(context, request)

    async def _stop(self, context: object, request: live.LiveStopRequest) -> Done:
        self.claims.discard(request.claimant)
        if not self.claims:
            await self._end_publishing()
        self.changed.set()
        return Done()

    async def _keyframe(self, context: object, request: live.LiveKeyframeRequest) -> Done:
        self.keyframes_asked += 1
        self.changed.set()
        if self.cannot is not None:
            raise self.cannot
        return Done()

    async def _move(self, context: object, request: object) -> Done:
        self.moves.append(request)
        self.changed.set()
        return Done()

    async def _list_presets(self, context: object, request: object) -> ptz.PtzPresetListReply:
        return ptz.PtzPresetListReply(
            presets=[
                ptz.PtzPreset(preset=number, name=self.presets[number]) for number in sorted(self.presets)
            ]
        )

    async def _set_preset(self, context: object, request: ptz.PtzPresetSetRequest) -> Done:
        self.presets[request.preset] = request.name or ""
        self.changed.set()
        return Done()

    async def _clear_preset(self, context: object, request: ptz.PtzPresetRequest) -> Done:
        del self.presets[request.preset]
        self.changed.set()
        return Done()

    async def _go_to_preset(self, context: object, request: ptz.PtzPresetRequest) -> Done:
        self.gone_to.append(request.preset)
        self.changed.set()
        return Done()

    async def _publish_loop(self) -> None:
        started = time.monotonic()
        index = 0
        while True:
            await self.publish(*self.picture(index))
            index += 1
            due = started + index / self.spec.fps / self.pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _end_publishing(self) -> None:
        task, self._publishing = self._publishing, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
