"""What is said leaves as fast as it sounds: one packet every 40 ms, whatever amounts it comes in (DVRIP §10.2)."""

import asyncio
from types import SimpleNamespace

import pytest

from cambus.dvrip.talk import MAX_LAG_S, PIECE_BYTES, Talk


class Line:
    """A data connection that writes down what leaves, and when."""

    def __init__(self):
        self.loop = asyncio.get_running_loop()
        self.closed = self.loop.create_future()
        self.left = []

    def notify(self, message_id, payload, *, version, sequence):
        self.left.append((round(self.loop.time() - 1000.0, 6), message_id, version, sequence, len(payload)))

    async def drain(self):
        await asyncio.sleep(0)


@pytest.fixture
async def line():
    return Line()


@pytest.fixture
async def talk(line):
    talk = Talk()
    talk.run(SimpleNamespace(data=line))
    return talk


@pytest.mark.parametrize("amounts", [[PIECE_BYTES * 10], [PIECE_BYTES] * 10, [100] * 32, [1000, 2200]])
async def test_one_packet_leaves_every_40_ms(talk, line, amounts):
    began = line.loop.time() - 1000.0
    for amount in amounts:
        await talk.send(bytes(amount))
    assert line.left == [
        (pytest.approx(began + number * 0.04), 1432, 0, number + 1, PIECE_BYTES + 8) for number in range(10)
    ]


async def test_a_pause_of_the_speaker_is_not_caught_up_with(talk, line):
    await talk.send(bytes(PIECE_BYTES))
    await asyncio.sleep(MAX_LAG_S + 1)
    began = line.loop.time()
    await talk.send(bytes(PIECE_BYTES * 3))
    assert line.loop.time() - began == pytest.approx(0.08)
