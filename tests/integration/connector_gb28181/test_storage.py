"""Memory cards of devices of 2022 (GB-228)."""

import asyncio

import pytest
from gb28181_bodies import controls

from cambus.connector_gb28181.handlers import storage as handlers
from cambus.gb28181.errors import Unconfirmed
from cambus.gb28181.manscdp.storage import Card
from cambus.schemas.commands import storage
from cambus.schemas.errors import DeviceRefused, NotFound, Unsupported
from cambus.simulators.gb28181.quirks import Quirks

MIB = 1 << 20


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr("cambus.connector_gb28181.handlers.storage.POLL_S", 0.05)


async def test_cards_are_listed_as_disks(bench, call):
    simulator = await bench.online(profile="std_2022")
    simulator.device.cards = [
        Card(1, "SD1", "ok", None, 32_000, 20_000),
        Card(2, "SD2", "formatting", 40, 64_000, 0),
        Card(3, "SD3", "odd", None, None, None),
    ]
    first, second, third = (await call(storage.LIST)).disks
    assert (first.disk, first.name, first.kind, first.total_bytes) == (0, "SD1", "sd", 32_000 * MIB)
    assert (second.state.value, second.progress_percent) == ("formatting", 40.0)
    assert (third.state.value, third.native_state) == ("error", "odd")


async def test_a_card_is_formatted_and_asked_for_until_it_is_done(bench, call):
    simulator = await bench.online(profile="std_2022", quirks=Quirks(format_s=60))
    simulator.device.cards = [Card(n, f"SD{n}", "ok", None, 32_000, 1) for n in (1, 2)]
    formatting = asyncio.create_task(call(storage.FORMAT, disk=1, confirm=True))
    await simulator.wait_for(lambda: len(simulator.heard("SDCardStatus")) > 3)
    assert [card.status for card in simulator.device.cards] == ["ok", "formatting"]
    assert not formatting.done()
    simulator.device.cards[1] = Card(2, "SD2", "ok", None, 32_000, 32_000)
    assert (await formatting).done
    assert controls(simulator)[0].element.get("FormatSDCard") == "2"
    simulator.quirks.format_s = 0.0
    assert (await call(storage.FORMAT, confirm=True)).done
    assert controls(simulator)[1].element.get("FormatSDCard") == "0"


async def test_formatting_that_takes_long_goes_on_without_its_caller_and_a_failure_is_told(
    bench, gate, monkeypatch
):
    monkeypatch.setattr("cambus.connector_gb28181.handlers.storage.WAIT_S", 0.2)
    simulator = await bench.online(gate, profile="std_2022", quirks=Quirks(format_s=60))
    heard = await bench.heard(gate)
    request = storage.StorageFormatRequest(confirm=True)
    assert not (await bench.client.call(storage.FORMAT, request, device=gate)).done
    simulator.device.cards = [Card(1, "SD1", "error", None, 32_000, 0)]
    await heard.until("exception.reported", lambda event: event.code == "format-failed")


async def test_a_card_that_is_never_done_is_given_up_and_that_is_told(bench, gate, monkeypatch):
    assert handlers.MOST_S == 600.0
    monkeypatch.setattr(handlers, "WAIT_S", 0.2)
    monkeypatch.setattr(handlers, "MOST_S", 0.6)
    await bench.online(gate, profile="std_2022", quirks=Quirks(format_s=600))
    heard = await bench.heard(gate)
    request = storage.StorageFormatRequest(confirm=True)
    assert not (await bench.client.call(storage.FORMAT, request, device=gate)).done
    told = await heard.until("exception.reported", lambda event: event.code == "format-failed")
    assert "still being formatted" in told.text


async def test_a_card_that_is_broken_afterwards_is_said_so(bench, call, monkeypatch):
    simulator = await bench.online(profile="std_2022", quirks=Quirks(format_s=60))
    monkeypatch.setattr(
        simulator._orders.acts,
        "format_card",
        lambda _: simulator.device.cards.__setitem__(0, Card(1, "SD1", "error")),
    )
    with pytest.raises(DeviceRefused) as refused:
        await call(storage.FORMAT, confirm=True)
    assert refused.value.reason == "format-failed"


async def test_a_device_too_busy_to_answer_is_asked_again(bench, call, monkeypatch):
    simulator = await bench.online(profile="std_2022", quirks=Quirks(format_s=1.0))
    remote, asked = bench.session("gate").remote, []
    ask = remote.ask

    async def hesitant(*given, **more):
        asked.append(given)
        if len(asked) == 2:
            raise Unconfirmed("busy")
        return await ask(*given, **more)

    monkeypatch.setattr(remote, "ask", hesitant)
    assert (await call(storage.FORMAT, confirm=True)).done
    assert simulator.device.cards[0].free_mb == 32_000


async def test_what_is_not_there_or_not_of_the_edition_is_refused(bench, call):
    simulator = await bench.online(profile="std_2022")
    with pytest.raises(NotFound):
        await call(storage.FORMAT, disk=5, confirm=True)
    with pytest.raises(Unsupported):
        await call(storage.FORMAT, disk=0, partition=0, confirm=True)
    assert not controls(simulator)


async def test_an_older_device_is_not_asked_for_cards(bench, call):
    simulator = await bench.online(profile="hik_nvr")
    for spec, fields in ((storage.LIST, {}), (storage.FORMAT, {"confirm": True})):
        with pytest.raises(Unsupported) as refused:
            await call(spec, **fields)
        assert refused.value.reason == "unsupported-version"
    assert not simulator.heard("SDCardStatus")
    assert not controls(simulator)
