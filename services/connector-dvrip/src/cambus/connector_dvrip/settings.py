"""What the DVRIP connector can be told from outside, beside what every connector can."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from cambus.connector.settings import ConnectorSettings
from cambus.connector_dvrip.endpoints import read_endpoints


class DvripSettings(ConnectorSettings):
    """The settings of the DVRIP connector. What concerns one device is an option of its record."""

    dvrip_request_timeout_s: Annotated[float, Field(gt=0, le=300)] = Field(
        default=10.0, description="Seconds a device may take to answer an ordinary request."
    )
    dvrip_alarm_centre_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="Port on which devices may push alarms (15002 by custom); unset: none is listened on. The messages "
        "are not authenticated.",
    )
    dvrip_alarm_centre_host: str = Field(
        default="127.0.0.1", description="Address of that port; one the devices can reach."
    )
    dvrip_alarm_centre_reply: bool = Field(
        default=False, description="Answer those messages (1509), which some devices wait for."
    )
    dvrip_registration_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="Port on which devices may dial in (9400 by custom); unset: none is listened on.",
    )
    dvrip_registration_host: str = Field(
        default="127.0.0.1", description="Address of that port; one the devices can reach."
    )
    dvrip_registration_unknown: Literal["refuse", "pending"] = Field(
        default="refuse",
        description="What becomes of a device that dials in without a record: it is refused, or kept waiting for one.",
    )
    dvrip_registration_check_address: bool = Field(
        default=True,
        description="A device's video has to come from where it registered from; off for devices behind a NAT of many "
        "addresses.",
    )
    dvrip_registration_guests: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=512, description="Connections at a time that have not yet said who they are."
    )
    dvrip_registration_guests_per_address: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=32, description="Those of one address."
    )
    dvrip_registration_pending: Annotated[int, Field(ge=0, le=65536)] = Field(
        default=256, description="Devices kept waiting for a record at a time; more are refused."
    )
    dvrip_decoders: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="Snapshots decoded at a time, for devices that give no pictures themselves."
    )
    dvrip_download_rate_bytes_s: Annotated[int, Field(ge=1024)] | None = Field(
        default=None,
        description="Bytes of recordings fetched from one device per second at most; unset: as fast as they are read.",
    )
    dvrip_discovery: str = Field(
        default="",
        description="Where searches for devices may go, HOST[:PORT],... (255.255.255.255, or the broadcast address of "
        "one network); empty: nowhere. Searches are made only when somebody asks.",
    )
    dvrip_discovery_listen: str = Field(
        default="0.0.0.0:34569",
        description="Where their answers arrive; devices broadcast them to port 34569.",
    )

    @field_validator("dvrip_discovery")
    @classmethod
    def _addresses(cls, value: str) -> str:
        read_endpoints(value)
        return value

    @field_validator("dvrip_discovery_listen")
    @classmethod
    def _one_address(cls, value: str) -> str:
        if len(read_endpoints(value)) != 1:
            raise ValueError("wanted HOST:PORT")
        return value
