"""Somebody sets the clock of the host, by a day forward or back, in the middle of a session."""

import asyncio
import time

import pytest

from cambus.dvrip.errors import RequestTimeout

DAY_S = 86_400


@pytest.fixture(params=[DAY_S, -DAY_S], ids=["forward", "back"])
def set_clock(request, monkeypatch):
    """Sets it."""
    wall_s, wall_ns = time.time, time.time_ns

    def step():
        monkeypatch.setattr(time, "time", lambda: wall_s() + request.param)
        monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + request.param * 10**9)

    return step


async def test_keepalives_go_on_without_a_gap_or_a_burst(scripted, make_client, set_clock):
    scripted.login_body["AliveInterval"] = 1
    client = make_client()
    await client.connect()
    await scripted.hears(1006)
    set_clock()
    heard = len(scripted.messages(1006))
    await scripted.hears(1006, heard + 1)
    assert len(scripted.messages(1006)) == heard + 1
    await scripted.hears(1006, heard + 2)
    assert client.is_online


async def test_requests_under_way_wait_as_long_as_they_would_have(scripted, make_client, set_clock, deadline):
    scripted.login_body["AliveInterval"] = 1
    scripted.on[1020] = scripted.on[1452] = lambda message: None
    client = make_client()
    await client.connect()
    patient = asyncio.create_task(client.request(1020, {}, timeout_s=60.0))
    await scripted.hears(1020)
    set_clock()
    await scripted.hears(1006, 1 + len(scripted.messages(1006)))
    assert not patient.done()
    scripted.messages(1020)[0].reply()
    await patient
    async with deadline():
        with pytest.raises(RequestTimeout):
            await client.request(1452, {}, timeout_s=0.2)


async def test_a_request_of_before_the_step_times_out_after_it(scripted, make_client, set_clock, deadline):
    scripted.on[1452] = lambda message: None
    client = make_client()
    await client.connect()
    request = asyncio.create_task(client.request(1452, {}, timeout_s=0.3))
    await scripted.hears(1452)
    set_clock()
    async with deadline():
        with pytest.raises(RequestTimeout):
            await request


async def test_silence_of_a_stream_is_counted_in_true_time(
    scripted, make_client, frames, set_clock, deadline
):
    scripted.login_body["AliveInterval"] = 1

    def start(message):
        message.reply()
        scripted.peers[1].media(frames.key)

    scripted.on[1410] = start
    client = make_client(media_silence=4.0)
    await client.connect()
    stream = await client.open_live(0)
    async with deadline():
        await anext(stream)
    set_clock()
    await scripted.hears(1006, 1 + len(scripted.messages(1006)))
    assert stream.is_running
    async with deadline():
        with pytest.raises(RequestTimeout, match="media_silence"):
            await anext(stream)
