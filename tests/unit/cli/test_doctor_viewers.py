"""Whether the doctor sees that viewers are told to look where no relay is."""

import pytest

from cambus.cli.doctor.finding import Level
from cambus.cli.doctor.viewers import check_viewers
from cambus.client.discovery import Instance

ELSEWHERE = "192.0.2.1"


def relay(http="http://192.0.2.7:8080", rtsp="rtsp://192.0.2.7:8554"):
    return Instance("media-relay", "media-relay-0", "0.1.0", {"viewers": http, "rtsp": rtsp})


class Network:
    """Who was connected to; `closed` refuse."""

    def __init__(self, *closed):
        self.closed, self.asked = closed, []

    async def connect(self, host, port):
        self.asked.append((host, port))
        if (host, port) in self.closed:
            raise ConnectionRefusedError(111, "Connection refused")


async def test_addresses_that_answer_are_well():
    network = Network()
    (finding,) = await check_viewers([relay(http="https://cctv.example")], ELSEWHERE, network.connect)
    assert finding.level is Level.OK
    assert sorted(network.asked) == [("192.0.2.7", 8554), ("cctv.example", 443)]


@pytest.mark.parametrize("http", ["http://localhost:8080", "http://127.0.0.1:8080", "http://0.0.0.0:8080"])
async def test_an_address_that_means_the_viewers_own_machine_is_a_problem(http):
    (finding,) = await check_viewers([relay(http=http)], ELSEWHERE, Network().connect)
    assert (finding.subject, finding.level) == ("media-relay-0", Level.PROBLEM)
    assert "CAMBUS_RELAY_ADVERTISED_HOST" in finding.todo


async def test_on_one_machine_alone_that_is_well():
    (finding,) = await check_viewers([relay("http://localhost:8080")], "127.0.0.1", Network().connect)
    assert finding.level is Level.OK


async def test_what_does_not_answer_from_here_is_noted():
    network = Network(("192.0.2.7", 8554))
    (finding,) = await check_viewers([relay()], ELSEWHERE, network.connect)
    assert finding.level is Level.NOTE
    assert "rtsp://192.0.2.7:8554" in finding.text
    assert "Connection refused" in finding.text


async def test_without_a_relay_nothing_is_said():
    assert await check_viewers([Instance("recorder", "recorder-0", "0.1.0")], ELSEWHERE) == []
