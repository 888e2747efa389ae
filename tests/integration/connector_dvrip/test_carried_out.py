"""Commands of the bus whose effect is at the device: disks, accounts, groups, the log, a camera's extras."""

import io
import json
import zipfile

import pytest

from cambus.client.objects import ObjectStore
from cambus.dvrip.password import hash_password
from cambus.schemas.assets import OBJECTS_FILES
from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.errors import BadRequest, Conflict, DeviceRefused, NotFound, Unsupported
from cambus.simulators.dvrip import answers_system

MIB = 1 << 20


@pytest.fixture
async def call(bench, simulator, device):
    await bench.online(device, simulator)

    async def send(command, **fields):
        spec = DEVICE_COMMANDS[command]
        return await bench.client.call(spec, spec.request.model_validate(fields), device=device)

    return send


# --- disks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "formatted"),
    [({}, [(0, 0), (0, 1)]), ({"disk": 0}, [(0, 0), (0, 1)]), ({"disk": 0, "partition": 1}, [(0, 1)])],
)
async def test_what_is_formatted_is_empty_and_nothing_else(call, simulator, scope, formatted):
    partitions = {
        (disk.number, part.number): part for disk in simulator.device.disks.disks for part in disk.partitions
    }
    before = {place: part.remain_mib for place, part in partitions.items()}
    await call("device.storage.format", **scope, confirm=True)
    for place, part in partitions.items():
        assert part.remain_mib == (part.total_mib if place in formatted else before[place])


async def test_a_disk_that_is_not_there_is_not_formatted(call, simulator):
    with pytest.raises(NotFound):
        await call("device.storage.format", disk=7, confirm=True)
    assert simulator.device.disks.operations == []


@pytest.mark.parametrize(
    ("role", "kind"), [("read-write", 0), ("read-only", 1), ("redundant", 3), ("snapshot", 4)]
)
async def test_a_partition_is_used_for_what_it_is_told(call, simulator, role, kind):
    await call("device.storage.set", disk=0, partition=0, role=role)
    assert simulator.device.disks.disks[0].partitions[0].driver_type == kind
    listed = (await call("device.storage.list")).disks[0].partitions[0]
    assert listed.role == role


async def test_a_partition_is_repaired_and_a_disk_divided_anew(call, simulator):
    simulator.device.disks.disks[0].partitions[0].status = 3
    await call("device.storage.recover", disk=0, partition=0)
    assert simulator.device.disks.disks[0].partitions[0].status == 0
    await call(
        "device.storage.partition", disk=0, recording_bytes=900 * MIB, snapshot_bytes=100 * MIB, confirm=True
    )
    assert [part.total_mib for part in simulator.device.disks.disks[0].partitions] == [900, 100]


# --- accounts and groups ------------------------------------------------------------------------------------


async def test_an_account_is_made_changed_and_deleted(call, simulator):
    users = simulator.device.accounts.users
    await call("device.users.add", user={"name": "guard", "group": "user"}, password="first", confirm=True)
    assert users["guard"].secret == hash_password("first")
    changed = {"name": "warden", "group": "user", "memo": "day shift"}
    await call("device.users.modify", name="guard", user=changed, confirm=True)
    assert "guard" not in users
    assert (users["warden"].memo, users["warden"].secret) == ("day shift", hash_password("first"))
    listed = (await call("device.users.list")).users
    assert "day shift" in [user.memo for user in listed]
    await call("device.users.password", name="warden", old="first", new="second", confirm=True)
    assert users["warden"].secret == hash_password("second")
    await call("device.users.delete", name="warden", confirm=True)
    assert "warden" not in users


async def test_a_group_is_made_changed_and_deleted(call, simulator):
    groups = simulator.device.accounts.groups
    await call("device.groups.add", group={"name": "night", "authorities": ["Monitor_01"]}, confirm=True)
    assert groups["night"].authorities == ["Monitor_01"]
    changed = {"name": "late", "memo": "late shift", "authorities": ["Monitor_01", "Monitor_02"]}
    await call("device.groups.modify", name="night", group=changed, confirm=True)
    assert "night" not in groups
    assert (groups["late"].memo, groups["late"].authorities) == ("late shift", ["Monitor_01", "Monitor_02"])
    await call("device.groups.delete", name="late", confirm=True)
    assert "late" not in groups


async def test_what_accounts_and_groups_can_not_is_told_apart(call):
    with pytest.raises(Conflict, match="exists"):
        await call("device.users.add", user={"name": "admin", "group": "admin"}, password="x", confirm=True)
    with pytest.raises(DeviceRefused) as reserved:
        await call("device.users.delete", name="admin", confirm=True)
    assert reserved.value.reason == "reserved-account"
    with pytest.raises(Conflict) as used:
        await call("device.groups.delete", name="admin", confirm=True)
    assert used.value.reason == "in-use"
    user = {"name": "guard", "group": "user", "authorities": ["Account"]}
    with pytest.raises(DeviceRefused) as beyond:
        await call("device.users.add", user=user, password="x", confirm=True)
    assert beyond.value.reason == "rights-exceed-group"


# --- the log as a file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["packet", "end_flag", "fragments"])
@pytest.mark.parametrize("what", ["device.logs.export", "device.config.export"])
async def test_the_log_and_the_settings_are_stored_as_the_device_packs_them(
    bench, call, simulator, monkeypatch, what, style
):
    monkeypatch.setattr(answers_system, "_ZIP_PACKET", 256)
    for number in range(200):
        simulator.device.note("EventStart", f"MotionDetect,{number * 7919:x}")
    simulator.quirks.export = style
    stored = await call(what)
    assert stored.bytes > 2 * 256  # it took several packets
    archive = await ObjectStore(bench.bus, stored.bucket).get_bytes(stored.object, 8 << 20)
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        assert packed.testzip() is None
        (name,) = packed.namelist()
        content = packed.read(name).decode()
    if what == "device.logs.export":
        assert f"MotionDetect,{199 * 7919:x}" in content
    else:
        assert json.loads(content)["config"] == simulator.device.config.export()


@pytest.mark.parametrize("what", ["device.logs.export", "device.config.export"])
async def test_an_export_that_is_refused_is_an_error_and_stores_nothing(bench, call, simulator, what):
    simulator.quirks.export = "json_error"
    before = {stored.name for stored in await ObjectStore(bench.bus, OBJECTS_FILES).list()}
    with pytest.raises(DeviceRefused) as refused:
        await call(what)
    assert refused.value.device_code == "101"
    assert {stored.name for stored in await ObjectStore(bench.bus, OBJECTS_FILES).list()} == before


# --- extras of a camera -------------------------------------------------------------------------------------


def last(simulator, channel=0):
    return simulator.head(channel).history[-1]


async def test_a_switch_is_switched_by_its_number(call, simulator):
    await call("ptz.aux", channel=0, function="wiper", number=3, on=True)
    assert simulator.head(0).aux == {3: True}
    await call("ptz.aux", channel=0, function="wiper", number=3, on=False)
    assert simulator.head(0).aux == {3: False}
    with pytest.raises(BadRequest, match="number"):
        await call("ptz.aux", channel=0, function="wiper", on=True)


@pytest.mark.parametrize(("key", "sent"), [("open", "Enter"), ("up", "Up"), ("left", "Left")])
async def test_a_key_of_the_cameras_menu_is_pressed(call, simulator, key, sent):
    await call("ptz.menu", channel=1, key=key)
    assert (last(simulator, 1).command, last(simulator, 1).parameter["MenuOpts"]) == ("Menu", sent)


async def test_an_area_is_brought_near_in_parts_of_the_picture(call, simulator):
    await call("ptz.zoom_area", channel=0, x=0.25, y=0.5, width=0.5, height=0.25)
    point = last(simulator).parameter["POINT"]
    assert point == {"left": 2048, "top": 4096, "right": 6144, "bottom": 6144}
    with pytest.raises(Unsupported):
        await call("ptz.zoom_area", channel=0, x=0.25, y=0.5, width=0.5, height=0.25, out=True)


@pytest.mark.parametrize(
    ("verb", "step"),
    [("record", "SetBegin"), ("finish", "SetEnd"), ("start", "Start"), ("stop", "Stop"), ("clear", "Clear")],
)
async def test_each_step_of_a_pattern_is_told(call, simulator, verb, step):
    await call(f"ptz.pattern.{verb}", channel=0, pattern=1)
    assert (last(simulator).command, last(simulator).parameter["Pattern"]) == ("SetPattern", step)


async def test_a_scan_runs_between_its_limits(call, simulator):
    for side, command in (("left", "SetLeftLimit"), ("right", "SetRightLimit")):
        await call("ptz.scan.limit", channel=0, scan=0, side=side)
        assert last(simulator).command == command
    await call("ptz.scan.start", channel=0, scan=0)
    assert last(simulator).command == "AutoPanOn"
    await call("ptz.scan.stop", channel=0, scan=0)
    assert last(simulator).command == "AutoPanOff"
