"""The serial ports of a recorder over the bus: every byte both ways, one at a time, given back when forgotten."""

import asyncio

import pytest

from cambus.dvrip.client import DvripClient
from cambus.dvrip.operations.serial import Port
from cambus.dvrip.profile import Credentials
from cambus.media.frame import Kind
from cambus.schemas.commands import serial
from cambus.schemas.errors import Conflict, NotFound

EVERY = bytes(range(256))


class Holder:
    """Somebody who has a port open."""

    def __init__(self, bench, device, reply, watched):
        self.reply = reply
        self.watched = watched
        self._bench = bench
        self._device = device

    async def write(self, data):
        request = serial.SerialWriteRequest(session=self.reply.session, data=data)
        await self._bench.client.call(serial.WRITE, request, device=self._device)

    async def close(self):
        request = serial.SerialCloseRequest(session=self.reply.session)
        await self._bench.client.call(serial.CLOSE, request, device=self._device)

    def heard(self):
        return b"".join(frame.payload for frame in self.watched.frames if frame.kind is Kind.DATA)

    async def hears(self, data):
        await self.watched.until(lambda _: len(self.heard()) >= len(data))
        assert self.heard() == data


@pytest.fixture
async def open_port(bench, simulator, device):
    await bench.online(device, simulator)

    async def open_port(**fields):
        reply = await bench.client.call(serial.OPEN, serial.SerialOpenRequest(**fields), device=device)
        return Holder(bench, device, reply, await bench.watch(reply.subject))

    return open_port


def owners(simulator):
    return simulator.device.serial_ports.owner


@pytest.mark.parametrize("kind", ["rs485", "rs232"])
async def test_every_byte_goes_out_and_comes_back(open_port, simulator, kind):
    holder = await open_port(kind=kind)
    await holder.write(EVERY)
    await holder.hears(EVERY)  # what is at the far end echoes
    assert bytes(simulator.device.serial_ports.written[kind.upper()]) == EVERY
    await holder.close()
    assert owners(simulator) == {}


async def test_much_at_once_arrives_whole_and_in_order(open_port, simulator):
    holder = await open_port()
    pieces = [bytes((number,)) * 3000 for number in range(4)]
    await asyncio.gather(*(holder.write(piece) for piece in pieces))
    await holder.watched.until(lambda _: len(holder.heard()) >= 12_000)
    heard = holder.heard()
    assert sorted(heard[at : at + 3000] for at in range(0, 12_000, 3000)) == pieces


async def test_both_kinds_are_open_together_and_not_mixed_up(open_port):
    one, other = await open_port(kind="rs485"), await open_port(kind="rs232")
    await one.write(b"one")
    await other.write(b"other")
    await one.hears(b"one")
    await other.hears(b"other")


async def test_a_second_opener_is_refused(bench, open_port):
    holder = await open_port()
    with pytest.raises(Conflict) as caught:
        await open_port()
    assert caught.value.reason == "port-busy"
    await holder.write(b"still mine")
    await holder.hears(b"still mine")
    await holder.close()
    await (await open_port()).close()


async def test_a_port_that_another_client_has_is_refused_by_the_device(open_port, simulator):
    other = DvripClient("127.0.0.1", simulator.port, credentials=Credentials("admin", "c4nary-passw0rd"))
    await other.connect()
    try:
        await other.serial.open(Port.RS485)
        with pytest.raises(Conflict) as caught:
            await open_port()
        assert (caught.value.reason, caught.value.device_code) == ("in-use", "212")
    finally:
        await other.close()
    await simulator.wait_for(lambda: not owners(simulator))
    await (await open_port()).close()


async def test_a_port_nobody_writes_to_is_given_back(open_port, simulator):
    holder = await open_port(ttl_s=5)
    await simulator.wait_for(lambda: not owners(simulator), 30, "the port is free")
    with pytest.raises(NotFound):
        await holder.write(b"late")


async def test_an_empty_write_keeps_it(bench, open_port, device):
    holder = await open_port(ttl_s=3600)
    (port,) = bench.session(device).serial._open.values()
    before = port._until
    await holder.write(b"")
    assert port._until > before


async def test_a_session_that_is_over_is_not_found_and_closing_it_again_is_no_error(open_port):
    holder = await open_port()
    await holder.close()
    await holder.close()
    with pytest.raises(NotFound) as caught:
        await holder.write(b"late")
    assert caught.value.reason == "no-such-session"


async def test_there_is_one_port_of_each_kind(open_port, simulator):
    with pytest.raises(NotFound) as caught:
        await open_port(port=1)
    assert caught.value.reason == "no-such-port"
    assert owners(simulator) == {}


async def test_ports_are_free_again_after_the_session(bench, open_port, simulator, device):
    holder = await open_port()
    simulator.drop()
    await bench.shown(device, lambda presence: not presence.online)
    await bench.shown(device)
    with pytest.raises(NotFound):
        await holder.write(b"late")
    await (await open_port()).close()
