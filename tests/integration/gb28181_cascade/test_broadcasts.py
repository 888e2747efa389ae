"""Somebody at the upper platform speaks through a device of any protocol (GB-248)."""

import asyncio

import pytest
from cascade_rig import OURS, refuse

from cambus.gb28181.errors import Refused
from cambus.media.frame import Codec, FrameAssembler, Kind
from cambus.schemas import subjects
from cambus.schemas.commands import talk
from cambus.schemas.commands.talk import TalkStartReply

SAMPLES = [bytes([number]) * 160 for number in range(40, 90)]


class Loudspeaker:
    """A device that can be spoken through: what it hears is kept."""

    def __init__(self, device, codec="pcma"):
        self.device = device
        self.heard = []
        self._assembler = FrameAssembler()
        self.subject = subjects.talk_subject(device.device, 0, "tk-1")
        reply = TalkStartReply(session="tk-1", subject=self.subject, codec=codec, sample_rate_hz=8000)
        device.on(talk.START, reply).on(talk.STOP)

    async def listen(self, bus):
        self._subscription = await bus.subscribe(self.subject, self._take)
        return self

    def _take(self, message):
        self.heard.append(self._assembler.push(message.data))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_what_is_said_above_is_heard_at_the_device(rig, transport):
    upper = await rig.upper()
    camera = await rig.device("cam")
    speaker = await Loudspeaker(camera).listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper, transport=transport)
    code = await rig.code_of(link, camera.device)
    speech = await upper.speak(OURS, code, SAMPLES)
    await rig.until(lambda: len(speaker.heard) >= 30)
    frames = speaker.heard[:30]
    assert {(frame.kind, frame.codec) for frame in frames} == {(Kind.AUDIO, Codec.PCMA)}
    sound = b"".join(frame.payload for frame in frames)
    assert sound in b"".join(SAMPLES) * 3
    assert [frame.pts - frames[0].pts for frame in frames[:3]] == [0, 1800, 3600]  # 20 ms each
    assert camera.orders("talk.start")[0].channel == 0
    assert not speech.ended.is_set()
    await upper.hush(OURS)
    await camera.until(lambda: camera.orders("talk.stop"))
    await rig.until(lambda: not rig.held(link).broadcasts.open)
    assert rig.held(link).context.ssrcs.in_use == 0


async def test_a_device_that_wants_the_other_law_gets_it(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    speaker = await Loudspeaker(camera, codec="pcmu").listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper)
    await upper.speak(OURS, await rig.code_of(link, camera.device))
    await rig.until(lambda: speaker.heard)
    assert speaker.heard[0].codec is Codec.PCMU
    assert set(speaker.heard[0].payload) != {0xD5}


async def test_a_platform_that_refreshes_the_session_of_its_sound_is_told_the_same_and_is_heard_on(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    speaker = await Loudspeaker(camera).listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper)
    await upper.speak(OURS, await rig.code_of(link, camera.device), SAMPLES)
    await rig.until(lambda: speaker.heard)
    ((speech, _),) = upper._speeches.values()
    (fetched,) = speech._loudspeakers.values()
    endpoint = upper.platform.endpoint
    done = await endpoint.invite(fetched._dialog.request("INVITE"), fetched._dialog.peer)
    endpoint.acknowledge(done)
    assert (done.response.status, done.response.body) == (200, fetched._offer.serialize())
    before = len(speaker.heard)
    await rig.until(lambda: len(speaker.heard) > before + 5)


async def test_a_device_that_wants_what_we_cannot_say_is_answered_with_error(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    await Loudspeaker(camera, codec="aac").listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper)
    with pytest.raises(Refused):
        await upper.speak(OURS, await rig.code_of(link, camera.device))
    await camera.until(lambda: camera.orders("talk.stop"))


async def test_a_device_nobody_can_speak_through_is_answered_with_error(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    camera.on(talk.START, refuse("no loudspeaker"))
    await rig.enter(camera)
    link = await rig.linked(upper)
    with pytest.raises(Refused):
        await upper.speak(OURS, await rig.code_of(link, camera.device))
    await rig.until(lambda: not rig.held(link).broadcasts.open)


async def test_nobody_speaks_through_what_is_not_shared(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    await Loudspeaker(camera).listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper)
    await rig.code_of(link, camera.device)
    with pytest.raises(Refused) as refused:
        await upper.speak(OURS, "34020000001320009999")
    assert refused.value.status == 404
    assert camera.told == []


async def test_who_may_not_speak_does_not(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    await Loudspeaker(camera).listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper, permissions={"broadcast": False})
    with pytest.raises(Refused):
        await upper.speak(OURS, await rig.code_of(link, camera.device))
    assert camera.told == []


async def test_a_platform_that_never_lets_the_sound_be_fetched_leaves_nothing_open(rig):
    upper = await rig.upper()
    camera = await rig.device("cam")
    await Loudspeaker(camera).listen(rig.bus)
    await rig.enter(camera)
    link = await rig.linked(upper)
    code = await rig.code_of(link, camera.device)
    upper.platform.on_invite(None)  # every INVITE is refused
    speaking = asyncio.create_task(upper.speak(OURS, code))
    await camera.until(lambda: camera.orders("talk.stop"))
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    await rig.until(lambda: not rig.held(link).broadcasts.open)
