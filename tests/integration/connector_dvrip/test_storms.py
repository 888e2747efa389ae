"""Everybody at once: hundreds of recorders that dial in or are dialled, through restarts and cuts.

A few by default, five hundred in the slow tests.
"""

import asyncio
import contextlib
import math

import pytest

from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.archive import ArchivePlan

USER, PASSWORD = "admin", "c4nary-passw0rd"
FEW, MANY = 30, 500
SIZES = [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(900)])]
BACK_AFTER_RESTART_S = 120
BACK_AFTER_CUT_S = 180


@pytest.fixture
def patience_s():
    return 850


@pytest.fixture
async def recorders(unique):
    """Starts recorders of one camera; those that dial in call themselves by the id of their record."""
    running = contextlib.AsyncExitStack()

    async def start(count):
        made = {
            f"{unique}-{number}": DvripSimulator(
                user=USER, password=PASSWORD, channels=1, index=number, archive=ArchivePlan(1, 60)
            )
            for number in range(count)
        }
        for simulator in made.values():
            await running.enter_async_context(simulator)
        return made

    async with running:
        yield start


async def presences(bench, devices):
    """What is shown of each device, now and after every change."""
    shown = {}
    async for key, entry in bench.presence.watch():
        if key in devices:
            shown[key] = None if entry is None else entry.value
            if len(shown) == len(devices):
                yield shown


async def all_shown(bench, devices, condition):
    async for shown in presences(bench, devices):
        if all(presence is not None and condition(presence) for presence in shown.values()):
            return shown
    raise AssertionError("a watch never ends")


async def add_all(bench, recorders, **fields):
    reference = await bench.credential("storm")
    for device, simulator in recorders.items():
        at = fields.get("address", f"127.0.0.1:{simulator.port}")
        await bench.add(device, "", **{"credentials": reference, **fields, "address": at})


async def register_all(bench, recorders, port):
    """A connector that listens there, and every recorder dialling it."""
    connector = await bench.connector(dvrip_registration_port=port, dvrip_registration_guests_per_address=512)
    for device, simulator in recorders.items():
        bench.dial(simulator, identity=device)
    await all_shown(bench, recorders, lambda presence: presence.online)
    return connector


@pytest.mark.parametrize("count", SIZES)
async def test_all_that_dialled_in_are_back_after_a_restart_of_the_listener(bench, recorders, count):
    devices = await recorders(count)
    await add_all(bench, devices, address=None)
    connector = await register_all(bench, devices, 0)
    port = connector.service.registration.port
    before = await all_shown(bench, devices, lambda presence: presence.online)
    epochs = {device: presence.epoch for device, presence in before.items()}
    await connector.stop()
    await all_shown(bench, devices, lambda presence: not presence.online)
    async with asyncio.timeout(BACK_AFTER_RESTART_S):
        await bench.connector(dvrip_registration_port=port, dvrip_registration_guests_per_address=512)
        after = await all_shown(bench, devices, lambda presence: presence.online)
    assert all(presence.epoch > epochs[device] for device, presence in after.items())
    for simulator in devices.values():
        assert [session.registered for session in simulator.sessions] == [True]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_many_that_dialled_in_stay_online(bench, recorders, eventually):
    """Through more keepalives than may be missed, and then some."""
    devices = await recorders(MANY)
    await add_all(bench, devices, address=None)
    connector = await register_all(bench, devices, 0)
    before = await all_shown(bench, devices, lambda presence: presence.online)
    units = [connector.service.fleet.unit(device) for device in devices]

    def kept_alive():
        sessions = [unit.session.client.control.session for unit in units]
        return all(session.counters["keepalives"] >= 4 for session in sessions)

    await eventually(kept_alive, 300.0)
    after = await all_shown(bench, devices, lambda presence: presence.online)
    assert {device: presence.epoch for device, presence in after.items()} == {
        device: presence.epoch for device, presence in before.items()
    }


@pytest.mark.parametrize("count", SIZES)
async def test_all_that_are_dialled_are_back_after_a_cut_one_after_the_other(bench, recorders, count):
    """The waits between attempts are spread, so that they do not come back in one moment."""
    devices = await recorders(count)
    await add_all(bench, devices)
    first_s = 0.5 if count == FEW else 1.0
    await bench.connector(reconnect_first_s=first_s, reconnect_most_s=60.0)
    await all_shown(bench, devices, lambda presence: presence.online)
    for simulator in devices.values():
        simulator.go_offline()
    shares = await shares_of_waits(bench, devices, first_s)
    async with asyncio.timeout(BACK_AFTER_CUT_S):
        await asyncio.gather(*(simulator.go_online() for simulator in devices.values()))
        await all_shown(bench, devices, lambda presence: presence.online)
    assert all(
        0.7 <= share <= 1.3 for share in shares
    )  # a fifth is left to chance, the rest to a slow machine
    assert max(shares) - min(shares) >= 0.2


async def shares_of_waits(bench, devices, first_s):
    """How long each device waits for its next attempt, as its presence says; as a share of the wait without chance."""
    shares = {}
    async for shown in presences(bench, devices):
        for device, presence in shown.items():
            if presence is None or presence.retry_at is None or presence.last_error is None:
                continue
            wait_s = (presence.retry_at - presence.last_error.at).total_seconds()
            if wait_s > 1.5 * first_s:  # not the first: what it measures is short
                shares.setdefault(device, wait_s / (first_s * 2 ** round(math.log2(wait_s / first_s))))
        if len(shares) == len(devices):
            return list(shares.values())
    raise AssertionError("a watch never ends")
