"""What a device tells unasked, beside presence, alarms and positions (A.2.5.4, A.2.5.5, A.2.5.7 to A.2.5.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from cambus.gb28181.manscdp.envelope import Root
from cambus.gb28181.manscdp.layout import FLOAT, OK_ERROR, Body, Part, leaf, part, repeated

MEDIA_END: Final = "121"


@dataclass(frozen=True, slots=True)
class MediaStatus(Body):
    """The end of a playback or download: `121`."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "MediaStatus"

    type: str | None = leaf("NotifyType")


@dataclass(frozen=True, slots=True)
class Broadcast(Body):
    """Ask a device to fetch our sound; it has no DeviceID."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "Broadcast"

    source: str | None = leaf("SourceID")
    target: str | None = leaf("TargetID")


@dataclass(frozen=True, slots=True)
class BroadcastAnswer(Body):
    """Whether the device will."""

    ROOT: ClassVar = Root.RESPONSE
    COMMAND: ClassVar = "Broadcast"

    ok: bool | None = leaf("Result", OK_ERROR)


@dataclass(frozen=True, slots=True)
class SnapshotFiles(Part):
    """The pictures that were sent."""

    files: tuple[str, ...] = repeated("SnapShotFileID")


@dataclass(frozen=True, slots=True)
class SnapshotsFinished(Body):
    """All pictures of a session have been sent; 2022."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "UploadSnapShotFinished"

    session: str | None = leaf("SessionID")
    pictures: SnapshotFiles | None = part("SnapShotList", SnapshotFiles)


@dataclass(frozen=True, slots=True)
class VideoUploadNotice(Body):
    """A mobile device wants to be watched; 2022."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "VideoUploadNotify"

    time: str | None = leaf("Time")
    longitude: float | None = leaf("Longitude", FLOAT)
    latitude: float | None = leaf("Latitude", FLOAT)


@dataclass(frozen=True, slots=True)
class UpgradeResult(Body):
    """What became of an upgrade: 01 download, 02 package, 03 system, 99 other; 2022."""

    ROOT: ClassVar = Root.NOTIFY
    COMMAND: ClassVar = "DeviceUpgradeResult"

    session: str | None = leaf("SessionID")
    ok: bool | None = leaf("UpgradeResult", OK_ERROR)
    firmware: str | None = leaf("Firmware")
    reason: str | None = leaf("UpgradeFailedReason")
