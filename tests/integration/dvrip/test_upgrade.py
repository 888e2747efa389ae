"""Firmware upgrades against scripted devices: every end there is."""

import asyncio

import pytest

from cambus.dvrip.errors import Refused, Unsupported
from cambus.dvrip.messages.upgrade import UpgradeResult
from cambus.dvrip.operations.upgrade import UpgradeError, UpgradePhase
from cambus.dvrip.profile import Profile

IMAGE = bytes(index % 253 for index in range(100_000))


class Flash:
    """Takes firmware; `after_end` says what happens when all of it has come."""

    def __init__(self, scripted) -> None:
        self.data = bytearray()
        self.sequences = []
        self.outstanding = 0
        self.start_code = 100
        self.refuse_at = None
        self.ack = True
        self.ack_end = True
        self.drop_at = None
        self.reports = [0, 50, 100, 515]
        self.then_close = True
        self.last_bytes = None
        scripted.on[1520] = self.command
        scripted.on[1522] = self.piece

    def command(self, message):
        message.reply({"Ret": self.start_code})

    def piece(self, message):
        self.sequences.append(message.header.sequence)
        if message.header.current_or_end == 1:
            self.end(message)
            return
        if self.drop_at == len(self.sequences):
            message.peer.abort()
            return
        self.data += message.payload
        if self.refuse_at == len(self.sequences):
            message.reply(b'{"Name":"","Ret":513}')
        elif self.ack:
            message.reply(b'{"Name":"","Ret":100}')

    def end(self, message):
        self.data += message.payload
        self.last_bytes = len(message.payload)
        if self.ack_end:
            message.reply(b'{"Name":"","Ret":100}')
        for code in self.reports:
            message.peer.send(1524, {"Name": "", "Ret": code})
        if self.then_close:
            message.peer.close()


@pytest.fixture
def flash(scripted):
    return Flash(scripted)


async def chunks():
    for start in range(0, len(IMAGE), 7777):
        yield IMAGE[start : start + 7777]


@pytest.mark.parametrize("source", ["bytes", "chunks"])
@pytest.mark.parametrize("ack_end", [True, False])
async def test_the_image_arrives_bit_exact_and_515_is_success(
    scripted, flash, client, deadline, source, ack_end
):
    flash.ack_end = ack_end
    seen = []
    async with deadline():
        await client.upgrades.run(
            IMAGE if source == "bytes" else chunks(), confirm=True, on_progress=seen.append
        )
    assert bytes(flash.data) == IMAGE
    pieces = -(-len(IMAGE) // 16384)
    assert flash.sequences == list(range(1, pieces + 2))
    assert [message.header.channel for message in scripted.messages(1522)] == [0] * (pieces + 1)
    sending = [step.bytes_sent for step in seen if step.phase is UpgradePhase.SENDING]
    assert sending == [*range(16384, len(IMAGE), 16384), len(IMAGE)]
    assert [step.percent for step in seen if step.phase is UpgradePhase.WRITING] == [0, 50, 100]
    assert flash.last_bytes == 0  # the end mark comes by itself
    assert not client.upgrades.is_running


@pytest.mark.parametrize("size", [100, 16384, 16385, 2 * 16384, 100_000])
async def test_the_end_mark_may_come_with_the_last_piece(scripted, flash, make_client, deadline, size):
    client = make_client(Profile(end_flag_on_data=True))
    seen = []
    async with deadline():
        await client.connect()
        await client.upgrades.run(IMAGE[:size], confirm=True, on_progress=seen.append)
    assert bytes(flash.data) == IMAGE[:size]
    pieces = -(-size // 16384)
    assert flash.sequences == list(range(1, pieces + 1))
    assert flash.last_bytes == (size - 1) % 16384 + 1
    assert [step.percent for step in seen if step.phase is UpgradePhase.WRITING] == [0, 50, 100]


async def test_the_next_piece_waits_for_the_acknowledgement(scripted, flash, client, deadline):
    flash.ack = False
    upgrade = asyncio.create_task(client.upgrades.run(IMAGE, confirm=True))
    first = await scripted.hears(1522)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scripted.hears(1522, 2), 0.2)
    flash.ack = True
    first.reply(b'{"Ret":100}')
    async with deadline():
        await upgrade


async def test_a_missing_acknowledgement_is_retryable(flash, make_client, deadline):
    flash.ack = False
    client = make_client(upgrade_ack=0.1)
    await client.connect()
    async with deadline():
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(IMAGE, confirm=True)
    assert (caught.value.phase, caught.value.is_unknown) == (UpgradePhase.SENDING, False)
    assert "upgrade_ack" in str(caught.value)


@pytest.mark.parametrize(
    ("code", "result"),
    [(511, UpgradeResult.ALREADY_STARTED), (107, UpgradeResult.NO_PERMISSION), (514, UpgradeResult.FAILED)],
)
async def test_a_refused_start_sends_no_data(scripted, flash, client, code, result):
    flash.start_code = code
    with pytest.raises(UpgradeError) as caught:
        await client.upgrades.run(IMAGE, confirm=True)
    assert (caught.value.phase, caught.value.result) == (UpgradePhase.STARTING, result)
    assert scripted.messages(1522) == []


async def test_bad_data_stops_at_that_piece(scripted, flash, client):
    flash.refuse_at = 3
    with pytest.raises(UpgradeError) as caught:
        await client.upgrades.run(IMAGE, confirm=True)
    assert (caught.value.phase, caught.value.result) == (UpgradePhase.SENDING, UpgradeResult.BAD_DATA)
    assert len(scripted.messages(1522)) == 3


@pytest.mark.parametrize(
    ("code", "result"),
    [(514, UpgradeResult.FAILED), (513, UpgradeResult.BAD_DATA), (512, UpgradeResult.NOT_STARTED)],
)
async def test_failures_while_writing_are_told_apart(flash, client, deadline, code, result):
    flash.reports = [0, 10, code]
    async with deadline():
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(IMAGE, confirm=True)
    assert (caught.value.phase, caught.value.result, caught.value.percent) == (
        UpgradePhase.WRITING,
        result,
        10,
    )
    assert not caught.value.is_unknown


async def test_a_loss_before_the_end_packet_is_retryable(flash, client, deadline):
    flash.drop_at = 2
    async with deadline():
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(IMAGE, confirm=True)
    assert (caught.value.phase, caught.value.is_unknown) == (UpgradePhase.SENDING, False)


@pytest.mark.parametrize("reports", [[], [0, 95]])
async def test_a_loss_after_the_end_packet_is_unknown_and_nothing_is_sent_again(
    scripted, flash, client, deadline, reports
):
    flash.reports = reports
    async with deadline():
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(IMAGE, confirm=True)
    assert caught.value.is_unknown
    assert caught.value.percent == (reports or [0])[-1]
    assert len([m for m in scripted.messages(1522) if m.header.current_or_end]) == 1


async def test_silence_while_writing_is_unknown(flash, make_client, deadline):
    flash.reports = [5]
    flash.then_close = False
    client = make_client(upgrade_progress=0.1)
    await client.connect()
    async with deadline():
        with pytest.raises(UpgradeError) as caught:
            await client.upgrades.run(IMAGE, confirm=True)
    assert (caught.value.is_unknown, caught.value.percent) == (True, 5)


async def test_the_result_of_newer_devices_is_success_too(scripted, flash, client, deadline):
    flash.reports = [30]
    flash.then_close = False
    end = flash.end

    def with_result(message):
        end(message)
        message.peer.send(1527, {"Ret": 515})

    flash.end = with_result
    async with deadline():
        await client.upgrades.run(IMAGE, confirm=True)


async def test_an_abort_is_sent_before_the_end_packet_only(scripted, flash, client, deadline):
    def abort(progress):
        if progress.bytes_sent >= 32768:
            client.upgrades.abort()

    async with deadline():
        with pytest.raises(UpgradeError, match="aborted"):
            await client.upgrades.run(IMAGE, confirm=True, on_progress=abort)
    assert scripted.messages(1520)[-1].body["OPSystemUpgrade"]["Action"] == "Abort"
    assert [m.header.current_or_end for m in scripted.messages(1522)] == [0, 0]  # not one piece more

    def too_late(progress):
        if progress.phase is UpgradePhase.WRITING:
            client.upgrades.abort()

    async with deadline():
        await client.upgrades.run(IMAGE, confirm=True, on_progress=too_late)
    assert [m.body["OPSystemUpgrade"]["Action"] for m in scripted.messages(1520)] == [
        "Start",
        "Abort",
        "Start",
    ]


@pytest.mark.parametrize("profile", [Profile(), Profile(end_flag_on_data=True)])
async def test_whether_it_may_end_is_asked_when_all_but_the_end_is_acknowledged(
    scripted, flash, make_client, deadline, profile
):
    taken = []

    def may_end():
        taken.append(len(flash.data))
        return False

    client = make_client(profile)
    async with deadline():
        await client.connect()
        with pytest.raises(UpgradeError, match="aborted") as caught:
            await client.upgrades.run(chunks(), confirm=True, may_end=may_end)
    held = (len(IMAGE) - 1) % 16384 + 1 if profile.end_flag_on_data else 0
    assert taken == [len(IMAGE) - held]
    assert caught.value.phase is UpgradePhase.SENDING
    assert scripted.messages(1520)[-1].body["OPSystemUpgrade"]["Action"] == "Abort"
    assert {message.header.current_or_end for message in scripted.messages(1522)} == {0}


async def test_one_upgrade_at_a_time(scripted, flash, client, deadline):
    flash.ack = False
    upgrade = asyncio.create_task(client.upgrades.run(IMAGE, confirm=True))
    first = await scripted.hears(1522)
    with pytest.raises(Refused) as caught:
        await client.upgrades.run(IMAGE, confirm=True)
    assert caught.value.reason == "busy"
    flash.ack = True
    first.reply(b'{"Ret":100}')
    async with deadline():
        await upgrade


async def test_piece_size_follows_the_profile(scripted, flash, make_client, deadline):
    client = make_client(Profile(upgrade_piece_bytes=32768))
    await client.connect()
    async with deadline():
        await client.upgrades.run(IMAGE, confirm=True)
    assert [len(m.payload) for m in scripted.messages(1522)] == [32768] * 3 + [len(IMAGE) - 3 * 32768, 0]


async def test_what_firmware_a_device_takes(scripted, client):
    info = {
        "Hardware": "HI3516",
        "Vendor": "General",
        "Serial": "x",
        "LogoArea": {"Begin": "0x0", "End": "0x1"},
    }
    scripted.on[1525] = lambda message: message.reply({"OPSystemUpgrade": info})
    told = await client.upgrades.info()
    assert (told.hardware, told.vendor, told.raw["LogoArea"]["End"]) == ("HI3516", "General", "0x1")
    scripted.on[1525] = lambda message: message.reply({"Ret": 102})
    with pytest.raises(Unsupported):
        await client.upgrades.info()
