"""One device. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.calling import BusClient
from cambus.client.generated.device_alarm import AlarmCommands
from cambus.client.generated.device_device import DeviceCommands
from cambus.client.generated.device_live import LiveCommands
from cambus.client.generated.device_native import NativeCommands
from cambus.client.generated.device_ptz import PtzCommands
from cambus.client.generated.device_recording import RecordingCommands
from cambus.client.generated.device_snapshot import SnapshotCommands
from cambus.client.generated.device_talk import TalkCommands
from cambus.client.generated.device_upgrade import UpgradeCommands
from cambus.client.generated.device_video import VideoCommands


class Device(DeviceCommands):
    """A device and its commands.

    Attributes:
        alarm: commands about alarm.
        live: commands about live.
        native: commands about native.
        ptz: commands about ptz.
        recording: commands about recording.
        snapshot: commands about snapshot.
        talk: commands about talk.
        upgrade: commands about upgrade.
        video: commands about video.
    """

    def __init__(self, client: BusClient, device: str) -> None:
        super().__init__(client, device)
        self.alarm = AlarmCommands(client, device)
        self.live = LiveCommands(client, device)
        self.native = NativeCommands(client, device)
        self.ptz = PtzCommands(client, device)
        self.recording = RecordingCommands(client, device)
        self.snapshot = SnapshotCommands(client, device)
        self.talk = TalkCommands(client, device)
        self.upgrade = UpgradeCommands(client, device)
        self.video = VideoCommands(client, device)
