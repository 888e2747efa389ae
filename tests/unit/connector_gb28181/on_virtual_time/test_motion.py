"""What moves on a camera ends, whatever its caller says or forgets to say (GB-088)."""

import asyncio
from types import SimpleNamespace

import pytest

from cambus.connector_gb28181.handlers import all_handlers
from cambus.connector_gb28181.handlers import ptz as handlers
from cambus.connector_gb28181.motion import HEAD, LENS, MAX_UNDER_WAY, Motions
from cambus.connector_gb28181.options import Gb28181Options
from cambus.gb28181.errors import Unreachable
from cambus.gb28181.ptz import PtzCommand
from cambus.schemas.commands import ptz
from cambus.schemas.errors import Overloaded

CODE = "34020000001310000001"


class Remote:
    """Hears commands, or not."""

    def __init__(self):
        self.heard = []
        self.deaf = False

    async def control(self, control, channel):
        await asyncio.sleep(0.01)
        if self.deaf:
            raise Unreachable("the device does not answer")
        self.heard.append((channel, PtzCommand.parse(control.ptz).command))

    @property
    def commands(self):
        return [command for _, command in self.heard]


@pytest.fixture
async def session():
    made = SimpleNamespace(
        device=SimpleNamespace(id="gate", options=Gb28181Options()),
        remote=Remote(),
        code_of=lambda channel: f"{CODE[:-1]}{channel}",
    )
    made.motions = Motions(made)
    yield made
    made.remote.deaf = False
    await made.motions.close()


async def test_a_movement_nobody_renews_is_stopped_after_thirty_seconds(session):
    await handlers.move(session, ptz.PtzMoveRequest(channel=0, pan=0.5))
    await asyncio.sleep(29.9)
    assert session.remote.commands == [0x01]
    await asyncio.sleep(0.2)
    assert session.remote.commands == [0x01, 0x00]


async def test_a_movement_that_is_renewed_goes_on_and_is_stopped_thirty_seconds_later(session):
    for _ in range(4):
        await handlers.move(session, ptz.PtzMoveRequest(channel=0, pan=0.5))
        await asyncio.sleep(25)
    assert session.remote.commands == [0x01] * 4
    await asyncio.sleep(6)
    assert session.remote.commands == [0x01] * 4 + [0x00]


async def test_a_lens_is_stopped_by_its_own_command_and_apart_from_the_head(session):
    await handlers.move(session, ptz.PtzMoveRequest(channel=0, tilt=1.0, duration_s=20))
    await handlers.focus(session, ptz.PtzFocusRequest(channel=0, speed=1.0))
    await asyncio.sleep(21)
    assert session.remote.commands == [0x08, 0x41, 0x00]
    assert session.motions.running == {(f"{CODE[:-1]}0", LENS)}
    await asyncio.sleep(10)
    assert session.remote.commands == [0x08, 0x41, 0x00, 0x40]


async def test_channels_are_stopped_apart(session):
    await handlers.move(session, ptz.PtzMoveRequest(channel=0, zoom=1.0, duration_s=5))
    await handlers.move(session, ptz.PtzMoveRequest(channel=1, zoom=-1.0))
    await asyncio.sleep(6)
    assert session.remote.heard[-1] == (f"{CODE[:-1]}0", 0x00)
    assert session.motions.running == {(f"{CODE[:-1]}1", HEAD)}


async def test_a_device_that_does_not_answer_is_told_again_until_it_does(session):
    await handlers.move(session, ptz.PtzMoveRequest(channel=0, pan=-1.0))
    session.remote.deaf = True
    with pytest.raises(Unreachable):
        await handlers.stop(session, ptz.PtzChannelRequest(channel=0))
    await asyncio.sleep(60)
    assert session.remote.commands == [0x02]
    session.remote.deaf = False
    await asyncio.sleep(6)
    assert session.remote.commands == [0x02, 0x00]
    assert not session.motions.running


@pytest.mark.parametrize(
    ("handle", "request_", "command"),
    [
        (handlers.preset_goto, ptz.PtzPresetRequest(channel=0, preset=1), 0x82),
        (handlers.tour_start, ptz.PtzTourRequest(channel=0, tour=1), 0x88),
        (handlers.scan_start, ptz.PtzScanStartRequest(channel=0), 0x89),
    ],
)
async def test_what_goes_by_itself_is_not_stopped_for_the_movement_before(session, handle, request_, command):
    await handlers.move(session, ptz.PtzMoveRequest(channel=0, pan=1.0))
    await handle(session, request_)
    await asyncio.sleep(120)
    assert session.remote.commands == [0x01, command]


async def test_a_device_that_is_deaf_takes_a_bounded_number_of_commands(session):
    move = all_handlers().get(ptz.MOVE.name).handler
    session.remote.control = lambda *_: asyncio.Event().wait()
    calls = [
        asyncio.create_task(move(session, None, ptz.PtzMoveRequest(channel=0, pan=1.0)))
        for _ in range(MAX_UNDER_WAY + 5)
    ]
    await asyncio.sleep(1)
    refused = [call for call in calls if call.done()]
    assert [type(call.exception()) for call in refused] == [Overloaded] * 5
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    session.remote.control = Remote().control
    await move(session, None, ptz.PtzMoveRequest(channel=0))  # there is room again
