"""A refused account is kept away from a device, however many want its streams."""

import asyncio

import pytest

from cambus.connector_rtsp.entrance import Entrance
from cambus.rtsp.client_errors import AuthRefused, Unreachable
from cambus.rtsp.client_url import Source

CHANNELS = [Source("cam", 554, f"rtsp://cam/{number}") for number in range(16)]


class World:
    """A device, and what logs in at it."""

    def __init__(self):
        self.now = 0.0
        self.entrance = Entrance(lambda: self.now)
        self.logins = 0
        self.right = True
        self.reachable = True
        self.no_rights = set()

    async def open(self, source):
        async def attempt():
            await asyncio.sleep(0)
            if not self.reachable:
                raise Unreachable("no")
            self.logins += 1
            await asyncio.sleep(0)
            if not self.right or source in self.no_rights:
                raise AuthRefused("the password is wrong", "wrong-credentials")
            return source

        return await self.entrance.enter(source, attempt)

    async def open_all(self):
        return await asyncio.gather(*(self.open(each) for each in CHANNELS), return_exceptions=True)


@pytest.fixture
def world():
    return World()


async def test_everybody_gets_in_with_an_account_that_is_right(world):
    assert await world.open_all() == CHANNELS
    assert world.logins == 16


@pytest.mark.parametrize(
    "make_doubtful",
    [lambda world: world.entrance.doubt(), lambda world: setattr(world, "now", 60.0)],
    ids=["streams-broke-off", "a-while-ago"],
)
async def test_a_password_that_was_changed_costs_two_logins_not_one_for_each_channel(world, make_doubtful):
    await world.open_all()
    world.right, world.logins = False, 0
    make_doubtful(world)
    outcomes = await world.open_all()
    assert all(isinstance(each, AuthRefused) for each in outcomes)
    assert {each.detail for each in outcomes} == {"wrong-credentials"}
    for _ in range(10):
        await world.open_all()
    assert world.logins <= 2


async def test_in_an_hour_there_are_fewer_wrong_logins_than_lock_an_account(world):
    world.right = False
    at = []
    for second in range(0, 3600, 5):
        world.now, before = float(second), world.logins
        await world.open_all()
        at += [second] * (world.logins - before)
    assert max(sum(since <= each < since + 1800 for each in at) for since in at) <= 4
    assert len(at) <= 6


async def test_a_channel_that_may_not_be_seen_bars_no_other_and_is_asked_less_and_less(world):
    world.no_rights = {CHANNELS[3]}
    for second in range(0, 3600, 30):
        world.now = float(second)
        outcomes = await world.open_all()
        assert outcomes[:3] + outcomes[4:] == CHANNELS[:3] + CHANNELS[4:]
        assert isinstance(outcomes[3], AuthRefused)
    assert world.logins - 15 * 120 <= 6


async def test_once_it_is_right_again_it_opens_after_its_time(world):
    world.right = False
    await world.open_all()
    world.right = True
    with pytest.raises(AuthRefused):
        await world.open(CHANNELS[0])
    world.now = 200.0
    assert await world.open_all() == CHANNELS


async def test_who_waited_for_one_that_reached_nobody_tries_for_himself(world):
    world.reachable = False
    outcomes = await world.open_all()
    assert all(isinstance(each, Unreachable) for each in outcomes)
    world.reachable = True
    assert await world.open_all() == CHANNELS


async def test_one_that_is_given_up_keeps_nobody_waiting(world):
    forever = asyncio.Event()
    first = asyncio.create_task(world.entrance.enter(CHANNELS[0], forever.wait))
    await asyncio.sleep(0)
    second = asyncio.create_task(world.open(CHANNELS[1]))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == CHANNELS[1]
    assert world.logins == 1
