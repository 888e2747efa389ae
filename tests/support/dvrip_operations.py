"""Every operation of a DVRIP session, asked once, and what came of it in a form that can be compared.

`OPERATIONS` leaves the device as it is expected to be by those that follow, so it is asked in order; what ends the
session is in `ENDINGS`. `missing` names operations of the library that neither of them knows.
"""

import asyncio
import hashlib
import inspect
import io
import json
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cambus.dvrip.frames import VideoFrame
from cambus.dvrip.messages.bitmaps import Bitmap
from cambus.dvrip.messages.ptz import Move, PatternStep, PtzPoint
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.messages.users import Group, User
from cambus.dvrip.objects.detection import MotionDetect
from cambus.dvrip.objects.network import NetCommon
from cambus.dvrip.operations.config import element
from cambus.dvrip.operations.machine import PartitionType
from cambus.dvrip.operations.panel import Key
from cambus.dvrip.operations.serial import Port
from cambus.dvrip.operations.services import CameraAddress
from cambus.dvrip.remote import RemoteDevice
from cambus.dvrip.values import as_object

Operation = Callable[[RemoteDevice], Awaitable[Any]]

PATIENT_S = 30.0
BEGIN = datetime.fromisoformat("2026-01-01 00:00:00")
END = datetime.fromisoformat("2027-01-01 00:00:00")
QUERY = FileQuery(0, BEGIN, END)
GUARDS = Group("guards", ("Monitor_01",), "night shift")
CAMERA = CameraAddress("admin", "pw", NetCommon(host="10.0.0.9", netmask="255.0.0.0", tcp_port=34567))
BOB = User("bob", "guards", ("Monitor_01",), "new")


async def _iterated(device: RemoteDevice) -> list[str]:
    return [record.name async for record in device.files.iterate(QUERY)]


async def _imported(device: RemoteDevice) -> Any:
    return await device.transfers.import_config(await device.transfers.export_config(), confirm=True)


async def _live(device: RemoteDevice) -> Any:
    live = await device.open_live(0, "Extra1")
    async with asyncio.timeout(PATIENT_S):
        frames = [await anext(live) for _ in range(6)]
    device.force_key_frame(0, "Extra1")
    await live.stop()
    first = frames[0]
    assert isinstance(first, VideoFrame)
    return first.codec, first.width, first.height, first.keyframe, len(frames)


async def _downloaded(device: RemoteDevice) -> Any:
    (record, *_) = await device.files.find(QUERY)
    playback = await device.open_playback(0, record.name, expected_kib=record.length_kib, download=True)
    async with asyncio.timeout(PATIENT_S):
        data = b"".join([frame.serialize() async for frame in playback])
    await playback.close()
    return playback.outcome, hashlib.sha256(data).hexdigest(), record.length_kib


async def _played(device: RemoteDevice) -> Any:
    (record, *_) = await device.files.find(QUERY)
    assert record.begin is not None
    playback = await device.open_playback(0, record.name)
    async with asyncio.timeout(PATIENT_S):
        await anext(playback)
        await playback.pause()
        await playback.resume()
        await playback.seek(record.begin + timedelta(seconds=2))
        await anext(playback)
        await playback.stop()
        await playback.restart()
        first = await anext(playback)
    await playback.close()
    return type(first), first.payload[:8]


async def _talked(device: RemoteDevice) -> Any:
    talk = await device.open_talk()
    async with asyncio.timeout(PATIENT_S):
        await talk.send(bytes(range(256)) * 3)
        await talk.flush()
        heard = await anext(talk)
    await talk.stop()
    return heard.codec, heard.sample_rate, len(heard.payload), talk.counters["sent"]


async def _sampled(device: RemoteDevice) -> str:
    return await _hashed(device.snapshot(0))


async def _config_of(archive: Awaitable[bytes]) -> Any:
    with zipfile.ZipFile(io.BytesIO(await archive)) as file:
        return {name: json.loads(file.read(name)) for name in file.namelist() if name.endswith(".json")}


async def _log_of(archive: Awaitable[bytes]) -> Any:
    with zipfile.ZipFile(io.BytesIO(await archive)) as file:
        return [sorted(json.loads(line)) for line in file.read("log.txt").splitlines()][:5]


async def _general(device: RemoteDevice) -> Any:
    await device.config.edit("General.General", lambda value: {**as_object(value), "MachineName": "edited"})
    return await device.config.get("General.General")


async def _typed(device: RemoteDevice) -> Any:
    motion = await device.config.read(element("Detect.MotionDetect", 1))
    changed = replace(motion, level=4) if isinstance(motion, MotionDetect) else motion
    return await device.config.write(element("Detect.MotionDetect", 1), changed)


async def _hashed(picture: Awaitable[bytes]) -> str:
    return hashlib.sha256(await picture).hexdigest()


async def _serial(device: RemoteDevice) -> Any:
    """Every byte there is, and back; the recorder's port has an echo at its end."""
    sent = bytes(range(256)) * 5
    async with await device.serial.open(Port.RS485) as channel:
        await channel.send(sent)
        heard = b""
        async with asyncio.timeout(PATIENT_S):
            while len(heard) < len(sent):
                heard += await anext(channel)
    return heard == sent


OPERATIONS: dict[str, Operation] = {
    "system.query": lambda d: d.system.query("SystemInfo"),
    "system.info": lambda d: d.system.info(),
    "system.storage": lambda d: d.system.storage(),
    "system.work_state": lambda d: d.system.work_state(),
    "system.ability": lambda d: d.system.ability("MultiLanguage"),
    "system.functions": lambda d: d.system.functions(),
    "system.encode_capability": lambda d: d.system.encode_capability(),
    "system.talk_formats": lambda d: d.system.talk_formats(),
    "config.get": lambda d: d.config.get("Detect"),
    "config.default": lambda d: d.config.default("Detect.MotionDetect"),
    "config.set": lambda d: d.config.set(element("Detect.MotionDetect", 0) + ".Level", 2),
    "config.edit": _general,
    "config.merge": lambda d: d.config.merge("NetWork.NetCommon", {"HostName": "merged"}),
    "config.read": lambda d: d.config.read("Detect.MotionDetect"),
    "config.write": _typed,
    "config.reset": lambda d: d.config.reset("General.General", confirm=True),
    "config.channel_titles": lambda d: d.config.channel_titles(),
    "config.set_channel_titles": lambda d: d.config.set_channel_titles(["前门", "gate"]),
    "ptz.start": lambda d: d.ptz.start(0, Move.RIGHT),
    "ptz.stop": lambda d: d.ptz.stop(0, Move.RIGHT),
    "ptz.set_preset": lambda d: d.ptz.set_preset(0, 7),
    "ptz.goto_preset": lambda d: d.ptz.goto_preset(0, 7),
    "ptz.add_tour_point": lambda d: d.ptz.add_tour_point(0, 1, 7),
    "ptz.start_tour": lambda d: d.ptz.start_tour(0, 1),
    "ptz.stop_tour": lambda d: d.ptz.stop_tour(0, 1),
    "ptz.delete_tour_point": lambda d: d.ptz.delete_tour_point(0, 1, 7),
    "ptz.clear_tour": lambda d: d.ptz.clear_tour(0, 1),
    "ptz.clear_preset": lambda d: d.ptz.clear_preset(0, 7),
    "ptz.pattern": lambda d: d.ptz.pattern(0, PatternStep.BEGIN_RECORDING),
    "ptz.auto_pan": lambda d: d.ptz.auto_pan(0, on=False),
    "ptz.set_limit": lambda d: d.ptz.set_limit(0, left=True),
    "ptz.aux": lambda d: d.ptz.aux(0, 1, on=True),
    "ptz.menu": lambda d: d.ptz.menu(0),
    "ptz.reset": lambda d: d.ptz.reset(0),
    "ptz.zoom_area": lambda d: d.ptz.zoom_area(0, PtzPoint(1, 2, 3000, 4000)),
    "files.find": lambda d: d.files.find(QUERY),
    "files.iterate": _iterated,
    "files.by_time": lambda d: d.files.by_time(QUERY),
    "files.calendar": lambda d: d.files.calendar(2026, 0),
    "files.log": lambda d: d.files.log(BEGIN, END, "Alarm"),
    "machine.time": lambda d: d.machine.time(),
    "machine.set_time": lambda d: d.machine.set_time(datetime.fromisoformat("2026-05-06 07:08:09")),
    "machine.set_utc_time": lambda d: d.machine.set_utc_time(datetime.fromisoformat("2026-05-06 07:08:09")),
    "machine.sync_time": lambda d: d.machine.sync_time(datetime.fromisoformat("2026-05-06 07:08:09")),
    "machine.restore_defaults": lambda d: d.machine.restore_defaults({"Encode"}, confirm=True),
    "machine.set_partition_type": lambda d: d.machine.set_partition_type(0, 0, PartitionType.READ_WRITE),
    "machine.recover_partition": lambda d: d.machine.recover_partition(0, 0),
    "machine.clear_partition": lambda d: d.machine.clear_partition(0, 0, confirm=True),
    "machine.partition": lambda d: d.machine.partition(0, 4096, 256, confirm=True),
    "users.authorities": lambda d: d.users.authorities(),
    "users.add_group": lambda d: d.users.add_group(GUARDS, confirm=True),
    "users.modify_group": lambda d: d.users.modify_group("guards", GUARDS, confirm=True),
    "users.add_user": lambda d: d.users.add_user(BOB, "first", confirm=True),
    "users.modify_user": lambda d: d.users.modify_user("bob", BOB, confirm=True),
    "users.change_password": lambda d: d.users.change_password("bob", "first", "second", confirm=True),
    "users.users": lambda d: d.users.users(),
    "users.groups": lambda d: d.users.groups(),
    "users.delete_user": lambda d: d.users.delete_user("bob", confirm=True),
    "users.delete_group": lambda d: d.users.delete_group("guards", confirm=True),
    "alarms.guard": lambda d: d.alarms.guard(),
    "alarms.set_net_inputs": lambda d: d.alarms.set_net_inputs(0),
    "alarms.outputs": lambda d: d.alarms.outputs(),
    "alarms.set_output": lambda d: d.alarms.set_output(0, closed=True),
    "alarms.unguard": lambda d: d.alarms.unguard(),
    "transfers.export_config": lambda d: _config_of(d.transfers.export_config()),
    "transfers.export_log": lambda d: _log_of(d.transfers.export_log()),
    "config.set_title_bitmap": lambda d: d.config.set_title_bitmap(Bitmap(16, 8, bytes(range(16)))),
    "config.set_osd_bitmaps": lambda d: d.config.set_osd_bitmaps([Bitmap(8, 8, bytes(8))] * 2),
    "machine.keep_log": lambda d: d.machine.keep_log(on=True),
    "panel.press": lambda d: d.panel.press(Key.MENU, 0.0),
    "panel.screenshot": lambda d: _hashed(d.panel.screenshot()),
    "serial.write": lambda d: d.serial.write(Port.RS232, bytes(range(256))),
    "serial.read": lambda d: d.serial.read(Port.RS232),
    "serial.open": _serial,
    "services.test_mail": lambda d: d.services.test_mail(),
    "services.test_ftp": lambda d: d.services.test_ftp(),
    "services.set_camera_address": lambda d: d.services.set_camera_address(CAMERA, confirm=True),
    "services.random_user": lambda d: d.services.random_user(),
    "upgrades.info": lambda d: d.upgrades.info(),
    "request": lambda d: _body(d.request(1600, {"Name": ""})),
    "call": lambda d: _body(d.call(1636, {"Name": "OPMailTest", "OPMailTest": {}})),
    "snapshot": _sampled,
    "open_live": _live,
    "open_playback download": _downloaded,
    "open_playback": _played,
    "open_talk": _talked,
    "machine.clear_log": lambda d: d.machine.clear_log(confirm=True),
    "transfers.import_config": _imported,  # the last: a device that registered with us does so anew
}


async def _body(reply: Awaitable[Any]) -> Any:
    answered = await reply
    if not answered.payload.startswith(b"{"):
        return hashlib.sha256(answered.payload).hexdigest()
    return {key: value for key, value in answered.body.items() if key != "SessionID"}


ENDINGS: dict[str, Operation] = {
    "machine.reboot": lambda d: d.machine.reboot(),
    "machine.shutdown": lambda d: d.machine.shutdown(confirm=True),
    "upgrades.run": lambda d: d.upgrades.run(bytes(range(256)) * 200, confirm=True),
}

_OWN = ("request", "call", "snapshot", "open_live", "open_playback", "open_talk")


def missing(device: RemoteDevice) -> set[str]:
    """Operations of a session that are not in the tables here."""
    groups = {
        name: value
        for name, value in vars(device).items()
        if type(value).__module__.startswith("cambus.dvrip.operations.")
    }
    known = {
        f"{group}.{name}"
        for group, value in groups.items()
        for name, member in inspect.getmembers(value)
        if not name.startswith("_")
        and (inspect.iscoroutinefunction(member) or inspect.isasyncgenfunction(member))
    }
    return (known | set(_OWN)) - set(OPERATIONS) - set(ENDINGS)


async def ask_everything(device: RemoteDevice) -> dict[str, Any]:
    """Ask for all of `OPERATIONS`; what each gave."""
    results = {}
    for name, operation in OPERATIONS.items():
        try:
            results[name] = await operation(device)
        except Exception as error:
            error.add_note(f"operation {name}")
            raise
    return results
