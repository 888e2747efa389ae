"""What can be said about one device: the `options` of its record.

An option that does not exist, or a value out of its range, keeps the device from being connected, and its presence
says which one and why.
"""

from dataclasses import replace
from datetime import tzinfo
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    field_validator,
)

from cambus.connector.record_options import RecordOptions
from cambus.dvrip.profile import Profile, Topology
from cambus.dvrip.registration import MAX_DEVICE_ID
from cambus.dvrip.timeouts import Timeouts
from cambus.schemas.model import JsonObject
from cambus.schemas.schedule import zone


def _identity(value: object) -> object:
    """Accept the number it is for most devices."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Identity = Annotated[
    str, BeforeValidator(_identity), StringConstraints(min_length=1, max_length=MAX_DEVICE_ID)
]
Seconds = Annotated[float, Field(gt=0, le=86400)]
UndocumentedBodies = dict[Literal["key_frame", "serial_open", "serial_close"], JsonObject | None]


class DvripOptions(RecordOptions):
    """The options of a DVRIP device; the defaults fit most."""

    device_id: Identity | None = Field(
        default=None,
        description="What it calls itself when it dials in (`DeviceID`); by default the id of its record.",
    )
    strict_registration: bool = Field(
        default=False, description="When it dials in, take a hash for a password only where it says so."
    )
    registration_check_address: bool | None = Field(
        default=None,
        description="When it dials in, its video has to come from where it registered from; by default the connector's "
        "setting.",
    )
    request_by_claim_id: bool = Field(
        default=False, description="When it dials in, it is asked for media with the ids of claims."
    )
    login_encryption: Literal["MD5", "NONE"] = Field(
        default="MD5",
        description="How the password is sent at a login: its hash, or in clear for firmware that wants it so.",
    )
    login_type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,32}$")] = Field(
        default="DVRIP-Web", description="`LoginType` of a login; some firmware gives each type other rights."
    )
    answers_keepalives: bool = Field(
        default=True,
        description="It answers keepalives; off for firmware that ignores them, whose silent loss the next question "
        "finds out.",
    )
    channel_base: Literal[0, 1] = Field(
        default=0, description="Number of the first channel on the wire; some single-channel cameras want 1."
    )
    topology: Literal["auto", "two_sockets", "own_session"] = Field(
        default="auto",
        description="How video comes: over a second socket of the session, over a session of its own, or "
        "whichever of them turns out to work.",
    )
    connections: Annotated[int, Field(ge=1, le=64)] | None = Field(
        default=None,
        description="TCP connections the device gets from us; by default its own limit less two.",
    )
    time_zone: str | None = Field(
        default=None,
        description="IANA name of the zone its clock runs in; by default what it says, else the nearest quarter "
        "of an hour to its clock.",
    )
    clock_drift_s: Seconds = Field(
        default=5.0, description="Seconds its clock may differ from ours before that is reported."
    )
    clock_correct: bool = Field(default=False, description="Set its clock when it differs by more than that.")
    clock_check_s: Seconds = Field(default=3600.0, description="Seconds between looks at its clock.")
    storage_check_s: Seconds = Field(default=300.0, description="Seconds between looks at its disks.")
    sync_time_after_login: bool = Field(
        default=False, description="Give it the time after each login; for devices without a clock chip."
    )
    alarms: bool = Field(default=True, description="Have it report alarms.")
    alarm_hold_s: Seconds = Field(
        default=60.0, description="Seconds after which an alarm whose end never came counts as over."
    )
    alarm_centre_reply: bool | None = Field(
        default=None,
        description="Answer what it pushes to the alarm centre (1509); by default the connector's setting.",
    )
    alarm_poll_s: Annotated[float, Field(ge=1, le=3600)] | None = Field(
        default=None, description="Ask for alarms so often, for devices that report none; by default never."
    )
    ptz_flip_h: bool = Field(default=False, description="The camera is mounted mirrored left to right.")
    ptz_flip_v: bool = Field(default=False, description="The camera is mounted upside down.")
    ptz_home_preset: Annotated[int, Field(ge=1, le=255)] | None = Field(
        default=None, description="The preset that `ptz.home` goes to; by default the camera has no home."
    )
    audio: bool = Field(default=True, description="Publish the sound of live streams.")
    talk_format_inside: bool = Field(
        default=False, description="It looks for the format of a talk inside `Parameter`."
    )
    snapshots: Literal["auto", "device", "stream"] = Field(
        default="auto", description="Pictures from the device, from its video, or whichever works."
    )
    upgrade_piece_bytes: Annotated[int, Field(ge=1024, le=65536)] = Field(
        default=16384, description="Bytes of firmware sent at a time; cameras take 32768."
    )
    upgrade_type: str = Field(
        default="System", max_length=64, description="`Type` of an upgrade; others than `System` are rare."
    )
    upgrade_end_on_data: bool = Field(
        default=False,
        description="The last piece of firmware carries the end mark; by default an empty packet after it does.",
    )
    upgrade_return_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        default=300.0, description="Seconds it may take to come back after an upgrade."
    )
    import_in_parts: bool = Field(
        default=False, description="It takes an imported configuration in numbered parts."
    )
    seed_ids: bool = Field(
        default=False, description="It speaks the session message ids of the oldest documents."
    )
    parallel_requests: bool = Field(default=False, description="It answers several requests at a time.")
    combine_mode: Literal["NONE", "CONNECT_ALL"] = Field(
        default="NONE", description="`CombinMode` of live requests."
    )
    fast_scan: bool = Field(default=False, description="Playback sends a decimated scan.")
    download_rate_bytes_s: Annotated[int, Field(ge=1024)] | None = Field(
        default=None,
        description="Bytes of recordings fetched from it per second at most; by default the connector's setting.",
    )
    undocumented_bodies: UndocumentedBodies = Field(
        default_factory=dict,
        description="Bodies of its own for messages the vendor documents none for: `key_frame`, `serial_open`, "
        "`serial_close`.",
    )
    request_timeout_s: Annotated[float, Field(gt=0, le=300)] | None = Field(
        default=None, description="Seconds it may take to answer; by default the connector's setting."
    )
    media_timeout_s: Annotated[float, Field(gt=0, le=300)] = Field(
        default=15.0, description="Seconds without video after which a stream counts as dead."
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            zone(name)
        return name

    @field_validator("undocumented_bodies")
    @classmethod
    def _only_pictures_do_without(cls, bodies: UndocumentedBodies) -> UndocumentedBodies:
        if any(body is None and what != "key_frame" for what, body in bodies.items()):
            raise ValueError("only key_frame can be null, which is never to be asked for")
        return bodies

    @property
    def zone(self) -> tzinfo | None:
        """The zone of the device's clock, if it was given."""
        return None if self.time_zone is None else zone(self.time_zone)

    def profile(self, topology: Topology) -> Profile:
        """Return what the protocol library wants to know; `topology` is what is known to work."""
        return Profile(
            seed_ids=self.seed_ids,
            channel_base=self.channel_base,
            parallel_requests=self.parallel_requests,
            topology=topology,
            combine_mode=self.combine_mode,
            connections=self.connections,
            ptz_flip_horizontal=self.ptz_flip_h,
            ptz_flip_vertical=self.ptz_flip_v,
            fast_scan=self.fast_scan,
            upgrade_piece_bytes=self.upgrade_piece_bytes,
            import_in_parts=self.import_in_parts,
            request_by_claim_id=self.request_by_claim_id,
            login_type=self.login_type,
            answers_keepalives=self.answers_keepalives,
            end_flag_on_data=self.upgrade_end_on_data,
            talk_format_inside=self.talk_format_inside,
            bodies={str(what): body for what, body in self.undocumented_bodies.items()},
        )

    def timeouts(self, request_s: float) -> Timeouts:
        """Return the time-outs; `request_s` is the connector's own setting."""
        base = Timeouts(request=self.request_timeout_s or request_s)
        return replace(
            base,
            media_silence=self.media_timeout_s,
            first_media=min(base.first_media, self.media_timeout_s),
        )
