"""Firmware upgrades: sent once, seen through the restart, ended with what really happened."""

import asyncio
import contextlib
import hashlib
import io
import itertools
import json
import zipfile
from dataclasses import replace
from datetime import timedelta

import pytest

from cambus.bus.rendezvous import preferred_owner
from cambus.client.objects import ObjectStore
from cambus.connector_dvrip.options import DvripOptions
from cambus.dvrip.ids import MessageId
from cambus.schemas.assets import OBJECTS_FIRMWARE
from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.commands import device as device_commands
from cambus.schemas.commands import upgrade
from cambus.schemas.errors import Conflict, NotFound, Offline
from cambus.schemas.keys import shard_of
from cambus.schemas.model import Empty
from cambus.simulators.dvrip.upgrade import UpgradeState


def package(hardware="", vendor="", size=50_000):
    """A package as recorders take it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(
            "InstallDesc", json.dumps({"Hardware": hardware, "Vendor": vendor, "UpgradeCommand": []})
        )
        archive.writestr("romfs-x.cramfs.img", bytes(range(256)) * (size // 256))
    return file.getvalue()


@pytest.fixture
async def order(bench, device, unique):
    """Store an image and order the upgrade."""

    async def send(image=None, **fields):
        image = package() if image is None else image
        await ObjectStore(bench.bus, OBJECTS_FIRMWARE).put(f"{unique}.bin", image)
        request = upgrade.UpgradeStartRequest(
            **{
                "job": f"job-{unique}",
                "object": f"{unique}.bin",
                "sha256": hashlib.sha256(image).hexdigest(),
                "size_bytes": len(image),
                "confirm": True,
                **fields,
            }
        )
        return await bench.client.call(upgrade.START, request, device=device)

    return send


@pytest.fixture
def impatient(monkeypatch):
    """The connector waits for a device that takes or writes firmware for moments, not minutes."""
    whole = DvripOptions.timeouts

    def short(options, request_s):
        return replace(whole(options, request_s), upgrade_ack=0.5, upgrade_progress=0.5)

    monkeypatch.setattr(DvripOptions, "timeouts", short)


@pytest.fixture
async def heard(bench, simulator, device):
    simulator.quirks.reboot_s = 0.1
    simulator.device.booted_at -= 86400  # so that it can be seen that it has restarted
    await bench.online(device, simulator, options={"upgrade_return_s": 20.0})
    return await bench.heard(device)


async def test_an_upgrade_goes_through_all_its_states_to_success(heard, order, simulator):
    before = simulator.firmware
    image = package()
    reply = await order(image)
    assert (reply.state, reply.joined) == ("preparing", False)
    told = []
    while True:
        name, event = await heard.next()
        if name == "upgrade.progressed":
            told.append(event)
        if name == "upgrade.finished":
            break
    states = [state for state, _ in itertools.groupby(each.state for each in told)]
    assert states == ["preparing", "transferring", "flashing", "rebooting", "verifying"]
    sent = [each for each in told if each.state == "transferring"]
    assert [each.sent_bytes for each in sent] == [0, *range(16384, len(image), 16384)]
    assert [each.percent for each in sent] == [pytest.approx(100 * e.sent_bytes / len(image)) for e in sent]
    written = [each.percent for each in told if each.state == "flashing"]
    assert written == sorted(set(written))
    assert (len(written) > 2, written[-1]) == (True, 100.0)
    assert (event.state, event.version_before, event.version_after) == (
        "succeeded",
        before,
        simulator.firmware,
    )
    assert event.image_sent
    (received,) = simulator.images
    assert received.sha256 == hashlib.sha256(image).hexdigest()


@pytest.mark.parametrize(
    ("quirks", "state", "reason", "sent"),
    [
        ({"upgrade_start_code": 511}, "failed", "already-upgrading", False),
        ({"upgrade_start_code": 107}, "failed", "not-allowed", False),
        ({"upgrade_bad_packet": 2}, "failed", "data-error", False),
        ({"upgrade_reboot_packet": 2}, "failed", "connection-lost", False),
        ({"upgrade_silent_packet": 2}, "failed", "no-answer", False),
        ({"upgrade_result": 514}, "failed", "device-failed", True),
        ({"upgrade_result": 513}, "failed", "data-error", True),
        ({"upgrade_result": 512}, "failed", "not-started", True),
        ({"upgrade_version": "old"}, "unchanged", "same-version", True),
        ({"upgrade_reboot_at": 90}, "succeeded", "", True),
        ({"upgrade_reboot_at": 50, "upgrade_version": "old"}, "unchanged", "same-version", True),
        ({"upgrade_close_after_end": True}, "succeeded", "", True),
        ({"upgrade_close_after_end": True, "upgrade_version": "old"}, "unchanged", "same-version", True),
        ({"upgrade_result_1527": True}, "succeeded", "", True),
    ],
)
async def test_each_way_an_upgrade_can_go_has_its_end(
    impatient, heard, order, simulator, quirks, state, reason, sent
):
    simulator.update_quirks(quirks)
    await order()
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason, finished.image_sent) == (state, reason, sent)
    codes = {
        "already-upgrading": "511",
        "not-allowed": "107",
        "not-started": "512",
        "data-error": "513",
        "device-failed": "514",
    }
    assert finished.device_code == codes.get(reason)
    assert simulator.device.upgrade.starts <= 1
    assert len(simulator.images) == sent


async def test_a_device_that_writes_for_ever_is_not_waited_for_for_ever(
    impatient, bench, simulator, device, order
):
    """It has the whole image and says nothing more: its version decides, and it gets nothing again."""
    simulator.update_quirks({"upgrade_stall_at": 50})
    await bench.online(device, simulator, options={"upgrade_return_s": 0.5})
    heard = await bench.heard(device)
    await order()
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason, finished.image_sent) == ("unchanged", "same-version", True)
    assert (simulator.device.upgrade.starts, len(simulator.images)) == (1, 1)


@pytest.mark.parametrize("fault", ["upgrade_reboot_packet", "upgrade_silent_packet"])
async def test_what_was_lost_before_the_end_packet_may_be_tried_again(
    impatient, heard, order, simulator, unique, eventually, fault
):
    simulator.update_quirks({fault: 2})
    await order()
    lost = await heard.until("upgrade.finished")
    assert (lost.state, lost.image_sent) == ("failed", False)
    simulator.update_quirks({fault: 0})

    async def ordered(**fields):
        """The reply, once the device is there again."""
        with contextlib.suppress(Offline):
            return await order(**fields)

    await eventually(ordered)
    assert (await order()).joined  # the job that failed is over: nothing is ever sent for it again
    assert simulator.device.upgrade.starts == 1
    assert not (await order(job=f"again-{unique}")).joined
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    assert (simulator.device.upgrade.starts, len(simulator.images)) == (2, 1)


async def test_a_device_that_does_not_come_back_is_not_waited_for_for_ever(bench, simulator, device, order):
    simulator.quirks.never_returns = True
    await bench.online(device, simulator, options={"upgrade_return_s": 0.5})
    heard = await bench.heard(device)
    await order()
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.image_sent) == ("not-back", True)
    presence = await bench.shown(device, lambda p: not p.online)
    assert presence.state in ("upgrading", "offline", "rebooting")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"sha256": "0" * 64}, "digest-mismatch"),
        ({"size_bytes": 7}, "size-mismatch"),
        ({"object": "nothing.bin"}, "no-such-object"),
    ],
)
async def test_an_image_that_is_not_the_one_ordered_never_reaches_the_device(
    heard, order, simulator, fields, reason
):
    await order(**fields)
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason) == ("failed", reason)
    assert simulator.device.upgrade.starts == 0


@pytest.mark.parametrize("other", [{"hardware": "SomethingElse"}, {"vendor": "SomeoneElse"}])
async def test_an_image_for_other_devices_is_refused_unless_forced(heard, order, simulator, unique, other):
    other = package(**other)
    await order(other)
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason) == ("failed", "wrong-hardware")
    assert simulator.device.upgrade.starts == 0
    await order(other, job=f"forced-{unique}", force=True)
    assert (await heard.until("upgrade.finished")).state == "succeeded"


async def test_an_image_for_this_hardware_is_taken(heard, order, simulator):
    await order(package(simulator.device.identity.hardware, simulator.device.identity.vendor))
    assert (await heard.until("upgrade.finished")).state == "succeeded"


async def test_a_version_that_runs_already_is_not_sent_again(heard, order, simulator):
    await order(expected_version=simulator.firmware)
    assert (await heard.until("upgrade.finished")).state == "skipped"
    assert simulator.device.upgrade.starts == 0


async def test_another_version_than_ordered_is_no_success(heard, order, simulator):
    await order(expected_version="V9.99")
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason, finished.version_after) == (
        "unchanged",
        "other-version",
        simulator.firmware,
    )


async def test_the_same_job_joins_and_another_waits_its_turn(heard, order, simulator, unique):
    await order()
    assert (await order()).joined
    with pytest.raises(Conflict):
        await order(job=f"other-{unique}")
    await heard.until("upgrade.finished")
    assert (await order()).joined
    assert simulator.device.upgrade.starts == 1


async def test_an_order_is_good_for_the_session_it_is_meant_for_only(bench, heard, order, simulator, device):
    shown = await bench.shown(device, lambda presence: presence.online)
    earlier = shown.model_copy(update={"since": shown.since - timedelta(seconds=1)})
    with pytest.raises(Conflict) as refused:
        await order(session=earlier.session_name)
    assert (refused.value.reason, refused.value.retryable) == ("other-session", True)
    assert simulator.device.upgrade.starts == 0
    await order(session=shown.session_name)
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    assert simulator.device.upgrade.starts == 1


async def test_a_job_begun_before_a_crash_is_refused(bench, heard, order, simulator, device):
    await order()
    await heard.until("upgrade.finished")
    await bench.connectors["replica-1"].stop()
    await bench.connector("replica-2")
    await bench.shown(device, lambda p: p.online and p.replica == "replica-2")
    with pytest.raises(Conflict) as refused:
        await order()
    assert refused.value.reason == "job-already-begun"
    assert simulator.device.upgrade.starts == 1


async def test_an_upgrade_is_cancelled_before_its_last_byte(bench, heard, order, simulator, device, unique):
    simulator.quirks.delay_s = {1522: 0.05}
    await order(package(size=400_000))
    await heard.until("upgrade.progressed", lambda event: event.state == "transferring")
    request = upgrade.UpgradeCancelRequest(job=f"job-{unique}")
    await bench.client.call(upgrade.CANCEL, request, device=device)
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.image_sent) == ("cancelled", False)
    assert simulator.images == []


async def test_after_its_last_byte_an_upgrade_is_not_cancelled(
    bench, heard, order, simulator, device, unique, eventually
):
    request = upgrade.UpgradeCancelRequest(job=f"job-{unique}")
    refusals = []

    async def is_refused():
        try:
            await bench.client.call(upgrade.CANCEL, request, device=device)
        except Conflict as error:
            refusals.append((error.reason, error.retryable))
        except Offline:  # it restarts just now
            return False
        return True

    await order()
    await heard.until("upgrade.progressed", lambda event: event.state == "rebooting")
    await eventually(is_refused)
    assert refusals == [("too-late", False)]
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    assert len(simulator.images) == 1


async def test_nothing_to_cancel_says_so(bench, heard, device):
    with pytest.raises(NotFound):
        await bench.client.call(upgrade.CANCEL, upgrade.UpgradeCancelRequest(job="nothing"), device=device)


CONFLICTING = [
    "alarm.output.set",
    "device.config.export",
    "device.config.import",
    "device.config.reset",
    "device.config.set",
    "device.groups.add",
    "device.groups.delete",
    "device.groups.modify",
    "device.logs.export",
    "device.logs.find",
    "device.reboot",
    "device.shutdown",
    "device.time.set",
    "device.users.add",
    "device.users.delete",
    "device.users.modify",
    "device.users.password",
    "native.call",
    "recording.calendar",
    "recording.download",
    "recording.find",
    "recording.manual",
    "recording.play",
    "snapshot.take",
    "device.storage.format",
    "device.storage.partition",
    "device.storage.recover",
    "device.storage.set",
    "talk.start",
    "upgrade.start",
    "video.set",
]
"""What loads the device, changes it or takes it away (DVRIP §13)."""


@pytest.fixture
async def sending(bench, heard, order, simulator):
    """An upgrade that is sending its image and does not come to the end by itself."""
    simulator.quirks.delay_s = {1522: 0.1}
    await order(package(size=800_000))
    await heard.until("upgrade.progressed", lambda event: event.state == "transferring")


def example_of(spec, **fields):
    """The example of the catalog, as a request."""
    return spec.request(**{**spec.request.model_config["json_schema_extra"]["examples"][0], **fields})


async def test_nothing_disturbs_an_upgrade(bench, sending, heard, simulator, device):
    for name in CONFLICTING:
        spec = DEVICE_COMMANDS[name]
        with pytest.raises(Conflict) as refused:
            await bench.client.call(spec, example_of(spec), device=device)
        assert refused.value.reason == "upgrade-under-way", name
    assert simulator.device.upgrade.starts == 1
    assert (await bench.client.call(upgrade.INFO, Empty(), device=device)).state == "transferring"
    assert (await bench.shown(device)).state == "upgrading"
    simulator.quirks.delay_s = {}
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    await bench.shown(device, lambda p: p.state == "online")


async def test_the_session_is_kept_alive_during_an_upgrade(bench, simulator, device, order):
    simulator.quirks.reboot_s = 0.1
    simulator.quirks.alive_interval = 1
    await bench.online(device, simulator)
    heard = await bench.heard(device)
    simulator.quirks.delay_s = {1522: 0.1}
    await order(package(size=800_000))
    await heard.until("upgrade.progressed", lambda event: event.state == "transferring")
    protocol = bench.connectors["replica-1"].service.fleet.unit(device).session.client.control.session
    before = protocol.counters["keepalives"]
    upgrading = simulator.device.upgrade

    def kept_alive():
        assert upgrading.state is UpgradeState.RECEIVING
        return protocol.counters["keepalives"] >= before + 3 and not protocol.counters["keepalives_missed"]

    await simulator.wait_for(kept_alive)
    simulator.quirks.delay_s = {}
    assert (await heard.until("upgrade.finished")).state == "succeeded"


async def test_an_upgrade_does_not_begin_while_the_device_sends_a_download(bench, heard, order, device):
    session = bench.connectors["replica-1"].service.fleet.unit(device).session
    session.slot.take("download", "a download")
    with pytest.raises(Conflict) as refused:
        await order()
    assert (refused.value.reason, refused.value.retryable) == ("download-under-way", True)
    session.slot.release("download")
    await order()
    assert (await heard.until("upgrade.finished")).state == "succeeded"


async def test_an_upgrade_takes_its_turn_behind_what_the_device_is_doing(
    bench, heard, order, simulator, device
):
    """An import of the configuration, say, that takes its time; here the clock."""
    simulator.quirks.delay_s = {int(MessageId.TIME_QUERY): 0.3}
    asking = asyncio.create_task(bench.client.call(device_commands.TIME_GET, Empty(), device=device))
    await order()
    assert asking.done()
    await asking
    assert (await heard.until("upgrade.finished")).state == "succeeded"


async def test_the_same_order_twice_at_once_is_one_upgrade(bench, heard, order, simulator):
    replies = await asyncio.gather(order(), order())
    assert sorted(reply.joined for reply in replies) == [False, True]
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    assert simulator.device.upgrade.starts == 1


async def test_a_new_replica_does_not_take_a_device_in_the_middle(bench, heard, order, simulator, device):
    simulator.quirks.delay_s = {1522: 0.1}
    await order(package(size=400_000))
    await heard.until("upgrade.progressed", lambda event: event.state == "transferring")
    alone = bench.connectors["replica-1"].service
    shard = shard_of(device)
    name = next(
        name
        for name in map("other-{}".format, range(100))
        if preferred_owner(shard, [name, "replica-1"]) == name
    )
    await bench.connector(name)
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    await bench.shown(device, lambda p: p.online and p.replica == name)
    assert shard not in alone.ownership.held


async def test_a_replica_that_lost_the_device_does_not_have_it_write(
    bench, heard, order, simulator, device, monkeypatch
):
    """All of the image is out, and the packet that makes the device write it is not."""
    simulator.quirks.delay_s = {1522: 0.05}
    await order(package(size=200_000))
    await heard.until("upgrade.progressed", lambda event: event.state == "transferring")
    unit = bench.connectors["replica-1"].service.fleet.unit(device)
    monkeypatch.setattr(unit, "owned", lambda: False)
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason, finished.image_sent) == ("failed", "not-owner", False)
    assert simulator.images == []
    await simulator.wait_for(lambda: simulator.device.upgrade.state is UpgradeState.IDLE)


async def test_an_image_is_sent_no_faster_than_ordered(heard, order, simulator):
    loop = asyncio.get_running_loop()
    began = loop.time()
    image = package(size=100_000)
    await order(image, max_bytes_per_s=65_536)
    assert (await heard.until("upgrade.finished")).state == "succeeded"
    assert loop.time() - began >= (len(image) - 2 * 16_384) / 65_536
    assert [each.sha256 for each in simulator.images] == [hashlib.sha256(image).hexdigest()]


async def test_what_fits_is_told(bench, heard, simulator, device):
    info = await bench.client.call(upgrade.INFO, Empty(), device=device)
    assert info.software_version == simulator.firmware
    assert (info.hardware, info.vendor) == (
        simulator.device.identity.hardware,
        simulator.device.identity.vendor,
    )
    assert info.state is None


async def test_a_device_given_up_in_the_middle_has_an_end_too(bench, heard, order, simulator, device):
    simulator.quirks.delay_s = {1522: 0.05}
    await order(package(size=400_000))
    await heard.until("upgrade.progressed", lambda event: event.state == "transferring")
    await asyncio.gather(bench.connectors["replica-1"].stop())
    finished = await heard.until("upgrade.finished")
    assert (finished.state, finished.reason) == ("failed", "interrupted")
