"""The commands of playbacks: every replica hears them, the one that plays answers, the others say 404."""

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.recorder.layout import StreamKey, from_us, to_us
from cambus.recorder.playbacks import Playbacks
from cambus.schemas.commands import playback as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.model import Done


class PlaybackCommands:
    """Answers `svc.recorder.playback.…`."""

    def __init__(self, replica: str, playbacks: Playbacks) -> None:
        self._replica = replica
        self._playbacks = playbacks

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.PLAYBACK_OPEN, self.open)
        endpoints.add(commands.PLAYBACK_TOUCH, self.touch)
        endpoints.add(commands.PLAYBACK_PAUSE, self.pause)
        endpoints.add(commands.PLAYBACK_RESUME, self.resume)
        endpoints.add(commands.PLAYBACK_SEEK, self.seek)
        endpoints.add(commands.PLAYBACK_SPEED, self.speed)
        endpoints.add(commands.PLAYBACK_STEP, self.step)
        endpoints.add(commands.PLAYBACK_STOP, self.stop)
        endpoints.add(commands.PLAYBACK_LOCATE, self.locate)
        endpoints.add(commands.PLAYBACK_TAKE, self.take)

    async def open(self, _: CallContext, request: commands.PlaybackOpenRequest) -> commands.PlaybackOpenReply:
        """Play from an instant on, here or at another replica.

        Raises:
            BadRequest: a speed there is not, or an end before the start.
            NotFound: nothing of it is recorded.
            Overloaded: whoever holds it plays as many as it may.
        """
        _check_speed(request.speed)
        if request.end is not None and request.end <= request.start and request.speed > 0:
            raise BadRequest("end: wanted an instant after start")
        return await self._playbacks.open(request)

    async def touch(self, _: CallContext, request: commands.PlaybackSessionRequest) -> commands.PlaybackState:
        """It is still wanted."""
        self._playbacks.find(request.session).touch()
        return self._playbacks.state(request.session)

    async def pause(self, _: CallContext, request: commands.PlaybackSessionRequest) -> commands.PlaybackState:
        """Hold it."""
        self._playbacks.find(request.session).pause()
        return self._playbacks.state(request.session)

    async def resume(
        self, _: CallContext, request: commands.PlaybackSessionRequest
    ) -> commands.PlaybackState:
        """Go on."""
        self._playbacks.find(request.session).resume()
        return self._playbacks.state(request.session)

    async def seek(self, _: CallContext, request: commands.PlaybackSeekRequest) -> commands.PlaybackState:
        """Go on from elsewhere. Raises NotFound: nothing is recorded there or beyond."""
        return await self._playbacks.seek(request.session, to_us(request.at))

    async def speed(self, _: CallContext, request: commands.PlaybackSpeedRequest) -> commands.PlaybackState:
        """Another speed. Raises BadRequest: one there is not."""
        found = self._playbacks.find(request.session)
        _check_speed(request.speed)
        found.set_speed(request.speed)
        return self._playbacks.state(request.session)

    async def step(self, _: CallContext, request: commands.PlaybackStepRequest) -> commands.PlaybackState:
        """One picture more."""
        self._playbacks.find(request.session).step(backwards=request.backwards)
        return self._playbacks.state(request.session)

    async def stop(self, _: CallContext, request: commands.PlaybackSessionRequest) -> Done:
        """End it."""
        self._playbacks.find(request.session).stop()
        return Done()

    async def locate(
        self, _: CallContext, request: commands.PlaybackLocateRequest
    ) -> commands.PlaybackLocateReply:
        """What is here. Raises NotFound: nothing."""
        key = StreamKey(request.device, request.channel, request.stream)
        at_us = await self._playbacks.locate_here(key, to_us(request.at), backwards=request.backwards)
        if at_us is None:
            raise NotFound("nothing of it is recorded here", reason="nothing-recorded")
        return commands.PlaybackLocateReply(
            replica=self._replica, at=from_us(at_us), free=self._playbacks.free
        )

    async def take(self, _: CallContext, request: commands.PlaybackTakeRequest) -> commands.PlaybackState:
        """Go on with it here. Raises NotFound: another replica is meant; Overloaded: no more can be played."""
        if request.to != self._replica:
            raise NotFound("another replica is to play it", reason="not-this-replica")
        _check_speed(request.speed)
        return self._playbacks.take(request)


def _check_speed(speed: float) -> None:
    if not commands.SLOWEST <= abs(speed) <= commands.FASTEST:
        wanted = f"{commands.SLOWEST:g} to {commands.FASTEST:g}, or that below 0"
        raise BadRequest(f"speed: wanted {wanted}; playback.pause holds a playback")
