"""Two thousand strangers at the door of the registration listener: most are turned away, nobody inside is bothered."""

import asyncio
import contextlib
from collections import Counter

import pytest

from cambus.dvrip.admission import AdmissionLimits
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict

CONNECTS = 2000
AT_ONCE = 100
PATIENT_S = 30.0


@pytest.fixture
async def listener(closing):
    made = RegistrationListener(
        RegistrationSettings(host="127.0.0.1", port=0),
        lambda login, address: Verdict(login.check_password("pw")),
        lambda device: None,
    )
    await made.start()
    closing.push_async_callback(made.close)
    return made


@pytest.fixture
async def strangers(closing, listener):
    """Connects from many addresses and says nothing; the most that were let in, in all and from one address."""
    writers = []

    async def connect(source):
        _, writer = await asyncio.open_connection("127.0.0.1", listener.port, local_addr=(source, 0))
        writers.append(writer)
        by_address = Counter(guest.address for guest in listener._guests)
        return len(listener._guests), max(by_address.values(), default=0)

    async def come(addresses):
        most = [0, 0]
        for start in range(0, CONNECTS, AT_ONCE):
            sources = [f"127.0.1.{1 + (start + number) % addresses}" for number in range(AT_ONCE)]
            for seen in await asyncio.gather(*map(connect, sources)):
                most = [max(pair) for pair in zip(most, seen, strict=True)]
        return most

    yield come
    for writer in writers:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("addresses", [1, 200])
async def test_caps_hold_under_two_thousand_connects(listener, strangers, make_recorder, addresses):
    limits = AdmissionLimits()
    recorder = await make_recorder()
    recorder.register_with("127.0.0.1", listener.port, user="device", password="pw")
    await recorder.wait_for(lambda: recorder.device.registered)
    (device,) = listener.devices.values()
    in_all, from_one = await strangers(addresses)
    assert in_all == (limits.per_address if addresses == 1 else limits.total)
    assert from_one <= limits.per_address
    counters = listener.admission.counters
    assert counters["refused_address"] + counters["refused_total"] >= CONNECTS - limits.total
    assert device.is_online
    assert (await device.system.info()).serial == recorder.device.identity.serial


async def test_when_the_strangers_are_gone_devices_are_let_in_again(
    listener, strangers, make_recorder, eventually
):
    await strangers(200)
    assert len(listener._guests) == AdmissionLimits().total
    for guest in list(listener._guests):
        guest._silent()  # what the clock does to each of them after ten seconds
    await eventually(lambda: not listener._guests)
    recorder = await make_recorder()
    recorder.register_with("127.0.0.1", listener.port, user="device", password="pw")
    await recorder.wait_for(lambda: recorder.device.registered)


def test_a_guest_has_ten_seconds():
    assert RegistrationSettings().first_message_within_s == 10.0
    assert RegistrationSettings().claim_within_s == 10.0
