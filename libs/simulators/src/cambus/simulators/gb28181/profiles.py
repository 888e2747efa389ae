"""What kinds of devices there are: the two of a real exchange, and one of the edition of 2022 (§18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cambus.gb28181.versions import Version

ProfileName = Literal["dahua_ipc", "hik_nvr", "std_2022"]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a make of devices speaks.

    Attributes:
        name: how it is chosen.
        type_code: digits 11 to 13 of the code of a device.
        manufacturer, model, firmware: what it says of itself.
        user_agent: what its SIP stack says.
        version: the edition it announces; None announces none.
        domain_uris: whether From and To name the domain instead of an address.
        route: whether REGISTER has a Route that names the platform.
        with_qop: whether it takes up an offered qop.
        needs_algorithm: whether it never answers a challenge without an algorithm.
        layout: how its XML is laid out.
        provisional: what it answers before the 200 to an INVITE.
        media_name: the `s=` line of its answers to history; empty repeats the purpose.
        lines: more lines of its answers.
        wanted: the `f=` line.
        time_shift_s: what it adds to the `t=` line of an answer.
        secrets: whether it puts a user name and a password into its answers.
        rtp_info: what it repeats in every answer to INFO; empty is nothing.
        private_pes: whether pictures come with a private PES.
        audio_beside: whether sound is raw beside PS.
        catalog_part: items in a message of its catalog.
        record_part: the same of a list of recordings.
        foreign_end: whether the end of a recording is told by another From.
        loudspeaker: whether the catalog has an audio output (137).
        records: whether it has a disk.
    """

    name: ProfileName
    type_code: str
    manufacturer: str
    model: str
    firmware: str
    user_agent: str
    version: Version | None = None
    domain_uris: bool = False
    route: bool = False
    with_qop: bool = True
    needs_algorithm: bool = False
    layout: Literal["dahua", "hik", "crlf"] = "crlf"
    provisional: tuple[tuple[int, str], ...] = ((100, "Trying"),)
    media_name: str = ""
    lines: tuple[str, ...] = ()
    wanted: str = ""
    time_shift_s: int = 0
    secrets: bool = False
    rtp_info: str = ""
    private_pes: bool = False
    audio_beside: bool = False
    catalog_part: int = 4
    record_part: int = 8
    foreign_end: bool = False
    loudspeaker: bool = False
    records: bool = True

    @property
    def charset(self) -> str:
        """What its XML declares."""
        return (self.version or Version.GB2016).charset


PROFILES: Final[dict[str, Profile]] = {
    "dahua_ipc": Profile(
        "dahua_ipc",
        "132",
        "Dahua",
        "DH-SD-6C3230UE-HN",
        "2.623.0000000.17.R,2019-01-19",
        "SIP UAS V3.0.0.675168",
        route=True,
        with_qop=False,
        needs_algorithm=True,
        layout="dahua",
        provisional=((100, "Trying"), (101, "Dialog Establishement")),
        lines=("a=streamprofile:0",),
        wanted="v/0/0/0/0/0a/0/0/0",
        audio_beside=True,
    ),
    "hik_nvr": Profile(
        "hik_nvr",
        "118",
        "Hikvision",
        "DS-7816N-R2",
        "V4.30.085",
        "Embedded Net DVR/NVR/DVS",
        domain_uris=True,
        layout="hik",
        provisional=(),
        media_name="Network Video Recorder",
        time_shift_s=28_800,
        secrets=True,
        rtp_info="seq=9810092;rtptime=3450012",
        private_pes=True,
        catalog_part=1,
        foreign_end=True,
    ),
    "std_2022": Profile(
        "std_2022",
        "132",
        "Cambus",
        "GB28181-2022",
        "1.0.0",
        "Cambus-Sim/2022",
        version=Version.GB2022,
        loudspeaker=True,
    ),
}
