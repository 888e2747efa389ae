"""Thousands of devices that register at once, and keep alive, at one platform (GB-260, GB-261, GB-264, GB-281)."""

import asyncio
import contextlib
import sys
import time
from collections import Counter

import pytest
from gb28181_by_hand import DOMAIN, PASSWORD, SERVER, Platform, hand_device

from cambus.gb28181.admission import AdmissionSettings
from cambus.gb28181.errors import Unreachable
from cambus.gb28181.manscdp.presence import Keepalive
from cambus.gb28181.registrar import Offline, Online
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.simulators.gb28181.storm import Storm, numbered
from cambus.sip.peer import Peer
from cambus.sip.timers import Timers

FIRST = "34020000001320000001"
PROBE = "34020000001320999999"


def storm(platform, count, **options):
    def make(number, shared):
        return Gb28181Simulator(
            server=("127.0.0.1", platform.gb.port),
            server_code=SERVER,
            code=numbered(FIRST, number),
            password=PASSWORD,
            retry_s=0.5,
            shared=shared,
        )

    return Storm(make, count, **options)


def kept_alive(platform, monkeypatch):
    """How often each device has said that it is there."""
    beats, registrar = Counter(), platform.gb.registrar
    hear = registrar.kept_alive

    def note(code, now):
        beats[code] += 1
        hear(code, now)

    monkeypatch.setattr(registrar, "kept_alive", note)
    return beats


def came_once(platform, codes):
    """Each is there, came once, and never went."""
    came = Counter(each.binding.code for each in platform.of(Online))
    assert not platform.of(Offline)
    return came == Counter(codes)


async def test_in_a_storm_that_is_too_much_all_come_in_in_the_end():
    settings = AdmissionSettings(waiting=20, slice_s=0.0, registers_per_s=150.0)
    async with Platform(admission=settings) as platform, storm(platform, 200) as many:
        await many.settled(120.0)
        assert platform.gb.counts["overload"] > 0
        assert platform.gb.counts["rate-limited"] > 0
        codes = [each.code for each in many.devices]
        assert all(platform.gb.registrar.online(code) for code in codes)
        assert came_once(platform, codes)
        assert not platform.gb.admission.backlog


async def test_devices_that_come_and_go_leave_nothing_behind():
    await churn(rounds=3, count=60)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_fifty_thousand_comings_and_goings_leave_nothing_behind():
    await churn(rounds=50, count=1000)


async def churn(rounds, count):
    timers = Timers(t1=0.02)
    settings = AdmissionSettings(registers_per_s=1e6)
    async with Platform(timers=timers, admission=settings) as platform, contextlib.AsyncExitStack() as stack:
        devices = [
            await stack.enter_async_context(hand_device(platform, numbered(FIRST, number), register=False))
            for number in range(min(count, 60))
        ]
        for turn in range(rounds):
            for start in range(0, count, len(devices)):
                for place, device in enumerate(devices[: count - start]):
                    device.code = numbered(FIRST, start + place)
                used = devices[: count - start]
                answers = await asyncio.gather(*(each.register() for each in used))
                assert {each.status for each in answers} == {200}, turn
                answers = await asyncio.gather(*(each.keepalive() for each in used))
                assert set(answers) == {200}
                answers = await asyncio.gather(*(each.register(expires=0) for each in used))
                assert {each.status for each in answers} == {200}, turn
                platform.events.clear()
        await platform.until(lambda: platform.gb.endpoint.layer.next_timeout() is None)
        gb = platform.gb
        assert not [device for device in devices if Peer("udp", *device.address) in gb._sources]
        assert not [n for n in range(count) if gb.registrar.binding(numbered(FIRST, n)) is not None]
        assert not gb._dialogs
        assert not gb.admission.backlog
        assert not gb.endpoint.layer._servers
        assert len(gb._devices) <= count


class Crowd:
    """Simulated devices in a process of their own, as behind a few NATs."""

    def __init__(self, platform, first, count, host, folder, keepalive_s):
        secret = folder / "password"
        secret.write_text(PASSWORD)
        self._command = [
            *(sys.executable, "-c", "from cambus.simulators.cli import main; main()", "gb28181"),
            *("--server", f"127.0.0.1:{platform.gb.port}", "--server-code", SERVER, "--domain", DOMAIN),
            *("--code", numbered(FIRST, first), "--count", count, "--host", host),
            *("--password-file", secret, "--keepalive", keepalive_s),
        ]

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *map(str, self._command), stdout=asyncio.subprocess.DEVNULL
        )
        return self

    def assert_alive(self):
        """Nobody waits for devices that are not there."""
        assert self._process.returncode is None

    async def __aexit__(self, *_):
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_ten_thousand_devices_storm_and_then_keep_alive(tmp_path, monkeypatch, capsys):
    count, crowds = 10_000, 4
    share, loop = count // crowds, asyncio.get_running_loop()
    codes = {numbered(FIRST, number) for number in range(count)}
    async with Platform() as platform, contextlib.AsyncExitStack() as stack:
        probe = await stack.enter_async_context(
            Gb28181Simulator(
                server=("127.0.0.1", platform.gb.port),
                server_code=SERVER,
                code=PROBE,
                password=PASSWORD,
                host="127.0.0.9",
            )
        )
        await probe.wait_for(lambda: probe.registered)
        beats = kept_alive(platform, monkeypatch)
        registrar = platform.gb.registrar
        begun, before = loop.time(), time.process_time()
        all_crowds = [
            await stack.enter_async_context(
                Crowd(platform, number * share, share, f"127.0.0.{number + 2}", tmp_path, 20.0)
            )
            for number in range(crowds)
        ]
        first = None
        delays = {"storm": [], "steady": []}

        async def beat(phase):
            for crowd in all_crowds:
                crowd.assert_alive()
            asked = loop.time()
            with contextlib.suppress(Unreachable):  # on a machine with too much to do; it is shown as such
                await probe.agent.send(probe.body(Keepalive(ok=True)))
            delays[phase].append(loop.time() - asked)
            await asyncio.sleep(0.02)

        async with asyncio.timeout(400):
            while sum(map(registrar.online, codes)) < count:
                await beat("storm")
                if first is None and len(platform.of(Online)) > 1:
                    first = loop.time()
        settled, used = loop.time(), time.process_time() - before
        beats.clear()
        before = time.process_time()
        async with asyncio.timeout(200):
            while len(beats.keys() & codes) < count:
                await beat("steady")
        steady_s, steady_used = loop.time() - settled, time.process_time() - before
        assert came_once(platform, codes | {PROBE})
    with capsys.disabled():
        p99 = {phase: sorted(each)[int(len(each) * 0.99)] * 1000 for phase, each in delays.items()}
        print(
            f"\nstorm of {count}: first after {first - begun:.1f} s, all after {settled - first:.1f} s more"
            f" ({used:.1f} s of processor, {platform.gb.counts}); keepalive p99 {p99['storm']:.0f} ms;"
            f" then {sum(beats.values())} keepalives in {steady_s:.0f} s, {steady_used / steady_s:.2f} of a core,"
            f" p99 {p99['steady']:.0f} ms"
        )
