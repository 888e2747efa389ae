"""A small simulated recorder, clients of it, and a tour of everything a connector does with a device."""

import asyncio
import io
import json
import zipfile

from cambus.dvrip.client import DvripClient
from cambus.dvrip.frames import VideoFrame
from cambus.dvrip.messages.ptz import Move
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.playback import Outcome
from cambus.dvrip.profile import Credentials, Profile
from cambus.dvrip.registered import RegisteredDevice
from cambus.dvrip.registration import RegistrationListener, RegistrationSettings, Verdict
from cambus.dvrip.remote import RemoteDevice
from cambus.dvrip.timeouts import Timeouts
from cambus.media.frame import Codec
from cambus.simulators.dvrip import DvripSimulator
from cambus.simulators.dvrip.media_plan import MediaPlan
from cambus.simulators.video_loop import VideoSpec

PATIENT_S = 30.0


SMALL = MediaPlan(
    main=VideoSpec(width=320, height=240, bitrate=200_000),
    sub=VideoSpec(width=160, height=128, bitrate=64_000),
)


class Opened:
    """Clients of a recorder, closed at the end."""

    def __init__(self, recorder: DvripSimulator) -> None:
        self.recorder = recorder
        self.clients: list[DvripClient] = []

    def make(self, profile: Profile | None = None, password: str = "admin", **timeouts: float) -> DvripClient:
        client = DvripClient(
            "127.0.0.1",
            self.recorder.port,
            credentials=Credentials("admin", password),
            profile=profile,
            timeouts=Timeouts(**{"media_silence": 1.0, **timeouts}),
        )
        self.clients.append(client)
        return client

    async def open(self, profile: Profile | None = None, **timeouts: float) -> DvripClient:
        client = self.make(profile, **timeouts)
        await client.connect()
        return client


async def take(stream, count):
    async with asyncio.timeout(PATIENT_S):
        return [await anext(stream) for _ in range(count)]


async def tour(client: RemoteDevice, recorder: DvripSimulator) -> None:
    """Everything a connector does with a device, once."""
    info = await client.system.info()
    assert info.serial == recorder.device.identity.serial
    assert info.channels() == 2
    assert (await client.system.storage())[0].partitions
    assert len((await client.system.work_state()).channels) == 2
    assert (await client.system.functions()).has("AlarmFunction", "MotionDetect")
    assert await client.machine.time()
    await client.config.merge("NetWork.NetCommon", {"HostName": "tour"})
    assert (await client.config.get("NetWork.NetCommon"))["HostName"] == "tour"
    titles = await client.config.channel_titles()
    await client.config.set_channel_titles(titles)
    assert any(user.name == "admin" for user in await client.users.users())
    await client.ptz.start(0, Move.RIGHT)
    await client.ptz.stop(0, Move.RIGHT)
    await client.alarms.guard()
    with client.events() as events:
        recorder.raise_alarm("motion", channel=1)
        async with asyncio.timeout(PATIENT_S):
            alarm = await anext(events)
        assert (alarm.report.event, alarm.report.channel) == ("motion", 1)
        assert alarm.acknowledge()
    live = await client.open_live(0)
    first = (await take(live, 6))[0]
    assert isinstance(first, VideoFrame)
    assert (first.keyframe, first.codec, first.width, first.height) == (True, Codec.H264, 320, 240)
    day = (await client.machine.time()).replace(hour=0, minute=0, second=0)
    files = await client.files.find(
        FileQuery(0, day.replace(year=day.year - 1), day.replace(year=day.year + 1))
    )
    assert len(files) == 3
    record = files[0]
    download = await client.open_playback(0, record.name, expected_kib=record.length_kib, download=True)
    async with asyncio.timeout(PATIENT_S):
        got = [frame async for frame in download]
    assert download.outcome is Outcome.COMPLETE
    assert (record.length_kib - 1) * 1024 < download.bytes_received <= record.length_kib * 1024
    assert sum(len(frame.serialize()) for frame in got) == download.bytes_received
    await download.close()
    assert (await client.snapshot(0)).startswith(b"\xff\xd8")
    await live.stop()
    assert client.is_online
    assert client.counters["malformed_pushes"] == 0


class Registrar:
    """A listener for registrations and the devices it reported."""

    def __init__(self) -> None:
        self.devices: asyncio.Queue[RegisteredDevice] = asyncio.Queue()
        settings = RegistrationSettings(host="127.0.0.1", port=0, timeouts=Timeouts(media_silence=1.0))
        self.listener = RegistrationListener(
            settings, lambda login, address: Verdict(login.check_password("pw")), self.devices.put_nowait
        )

    async def next(self) -> RegisteredDevice:
        async with asyncio.timeout(PATIENT_S):
            return await self.devices.get()


def das(port: int) -> dict:
    return {
        "Enable": True,
        "DeviceID": "gate-7",
        "UserName": "device",
        "Password": "pw",
        "ServerAddr": "127.0.0.1",
        "Port": port,
    }


def upgrade_package(info) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "InstallDesc",
            json.dumps({"Hardware": info.hardware, "Vendor": info.vendor, "UpgradeCommand": []}),
        )
        archive.writestr("app.img", bytes(range(256)) * 300)
    return buffer.getvalue()
