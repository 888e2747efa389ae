"""What the GB/T 28181 connector can be told from outside, beside what every connector can."""

import re
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from cambus.connector.settings import ConnectorSettings
from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.gb28181.codes import is_code

_DOMAIN_DIGITS: Final = 10
_PORTS: Final = re.compile(r"(\d{1,5})-(\d{1,5})")
MAX_PORT: Final = 65_535
WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - for listening only

MediaTransport = Literal["udp", "tcp-passive", "tcp-active"]


class Gb28181Settings(ConnectorSettings):
    """The settings of the GB/T 28181 connector. What concerns one device is an option of its record."""

    live_linger_s: Annotated[float, Field(ge=0, le=600)] = Field(
        default=15.0, description="Seconds a live stream stays open after its last claim."
    )
    gb28181_server_code: str = Field(
        default="34020000002000000001",
        description="Our own code of 20 digits (SIP server ID), as devices are told to register with.",
    )
    gb28181_domain: str = Field(
        default="", description="Our SIP domain, 10 digits; by default the first ten of our code."
    )
    gb28181_realm: str = Field(default="", description="Realm of the digest; by default our domain.")
    gb28181_host: str = Field(default="127.0.0.1", description="Address listened on for SIP, UDP and TCP.")
    gb28181_port: Annotated[int, Field(ge=0, le=MAX_PORT)] = Field(
        default=5060, description="Port for SIP, UDP and TCP; 0 takes one that is free."
    )
    gb28181_advertised: str = Field(
        default="",
        description="HOST[:PORT] under which devices reach us for SIP, where that is not the address listened on "
        "(behind NAT, in a container, with a wildcard address).",
    )
    gb28181_media_host: str = Field(default="127.0.0.1", description="Address listened on for media.")
    gb28181_media_advertised: str = Field(
        default="",
        description="Address devices send media to; by default the host of CAMBUS_GB28181_ADVERTISED, else the address "
        "listened on. The first thing to check where signalling works and no picture comes.",
    )
    gb28181_media_ports: str = Field(
        default="",
        description="Ports for media, FIRST-LAST; empty: any that is free. One for each open stream.",
    )
    gb28181_media_transport: MediaTransport = Field(
        default="tcp-passive",
        description="How media comes unless a device's record says otherwise: udp, tcp-passive (the device connects to "
        "us) or tcp-active (we connect to the device).",
    )
    gb28181_web_host: str = Field(
        default="",
        description="Address listened on for what devices upload and fetch over HTTP, pictures and firmware (2022); by "
        "default that of CAMBUS_GB28181_HOST.",
    )
    gb28181_web_port: Annotated[int, Field(ge=0, le=MAX_PORT)] = Field(
        default=0,
        description="Port for that; 0 takes one that is free: set one where devices reach only certain ports.",
    )
    gb28181_web_advertised: str = Field(
        default="",
        description="HOST[:PORT] devices are given for that; by default the host of CAMBUS_GB28181_ADVERTISED, else "
        "the address listened on and the port of the listener.",
    )
    gb28181_media_allowed_hosts: str = Field(
        default="",
        description="Addresses beside a device's own we may connect to for tcp-active media, with commas between.",
    )
    gb28181_media_allow_loopback: bool = Field(
        default=False, description="Connect to devices on this host for media as well; for tests."
    )
    gb28181_ssrc_shares: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=16,
        description="Into how many shares the 10,000 session numbers (SSRC) of the domain are divided; each replica "
        "uses one. All replicas have to have the same number.",
    )
    gb28181_ssrc_wide: bool = Field(
        default=False,
        description="Use all digits of session numbers: more than 10,000 sessions at a time, and no longer the digits "
        "of the domain in them, as the standard wants.",
    )
    gb28181_unknown: Literal["refuse", "pending", "enrol"] = Field(
        default="refuse",
        description="What becomes of a device without a record: it is refused; or, if it shows the common password, "
        "listed (`cambusctl devices --pending`) and refused, or given a record.",
    )
    gb28181_common_credentials: str = Field(
        default="",
        description="Name of the stored credentials whose password devices without a record have to show.",
    )
    gb28181_redirect: str = Field(
        default="", description="SIP URI of another server devices are sent to once they have authenticated."
    )
    gb28181_connection_grace_s: Annotated[float, Field(ge=0, le=300)] = Field(
        default=5.0,
        description="Seconds a device may be without its TCP connection before it counts as offline.",
    )
    gb28181_registers_per_s: Annotated[float, Field(gt=0)] = Field(
        default=500.0,
        description="REGISTER requests of one address in a second; more are dropped. Whole sites stand behind one NAT.",
    )
    gb28181_requests_per_s: Annotated[float, Field(gt=0)] = Field(
        default=50.0,
        description="Other requests in a second of an address where no device is registered; more are dropped.",
    )
    gb28181_connections_per_address: Annotated[int, Field(ge=1)] = Field(
        default=2000, description="TCP connections one address may hold for SIP."
    )
    gb28181_syncs: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=20, description="Devices asked for their catalog at a time."
    )
    gb28181_catalog_max_age_s: Annotated[float, Field(ge=60)] = Field(
        default=86_400.0, description="Seconds after which the catalog of a device is asked for again."
    )

    @property
    def domain(self) -> str:
        """Our SIP domain."""
        return self.gb28181_domain or self.gb28181_server_code[:_DOMAIN_DIGITS]

    @property
    def realm(self) -> str:
        """Of the digest."""
        return self.gb28181_realm or self.domain

    @property
    def advertised_host(self) -> str:
        """The host devices reach us at, without the port; empty if none was set."""
        return split_address(self.gb28181_advertised)[0] if self.gb28181_advertised else ""

    @property
    def media_advertised(self) -> str:
        """Where devices send media."""
        return self.gb28181_media_advertised or self.advertised_host or self.gb28181_media_host

    @property
    def web_host(self) -> str:
        """The address listened on for HTTP."""
        return self.gb28181_web_host or self.gb28181_host

    def web_address(self, port: int, own_host: str) -> str:
        """What a device reaches our web server at.

        Args:
            port: listened on.
            own_host: the address of ours on the way to the device, for where we listen on a wildcard.
        """
        host, told = "", None
        if self.gb28181_web_advertised:
            host, told = split_address(self.gb28181_web_advertised)
        host = host or self.advertised_host or (own_host if self.web_host in WILDCARDS else self.web_host)
        return f"http://[{host}]:{told or port}" if ":" in host else f"http://{host}:{told or port}"

    @property
    def media_ports(self) -> tuple[int, ...]:
        """The ports for media; empty for any."""
        return read_ports(self.gb28181_media_ports)

    @property
    def cascade(self) -> CascadeSettings:
        """Where links to upper platforms listen, and how those reach us."""
        return CascadeSettings(
            host=self.gb28181_host,
            advertised=self.advertised_host
            or (self.media_advertised if self.gb28181_host in WILDCARDS else self.gb28181_host),
            media_host=self.gb28181_media_host,
            media_advertised=self.media_advertised,
            media_ports=self.media_ports,
            allow_loopback=self.gb28181_media_allow_loopback,
        )

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Where we may connect to beside a device's own address."""
        return frozenset(host.strip() for host in self.gb28181_media_allowed_hosts.split(",") if host.strip())

    @model_validator(mode="after")
    def _devices_are_told_where(self) -> "Gb28181Settings":
        if self.media_advertised in WILDCARDS:
            raise ValueError(
                "gb28181_media_advertised: wanted the address devices send media to, where gb28181_media_host is a "
                "wildcard"
            )
        return self

    @field_validator("gb28181_server_code")
    @classmethod
    def _code(cls, value: str) -> str:
        if not is_code(value):
            raise ValueError("wanted 20 digits")
        return value

    @field_validator("gb28181_domain")
    @classmethod
    def _digits(cls, value: str) -> str:
        if value and not (len(value) == _DOMAIN_DIGITS and value.isascii() and value.isdigit()):
            raise ValueError("wanted 10 digits")
        return value

    @field_validator("gb28181_advertised", "gb28181_web_advertised")
    @classmethod
    def _address(cls, value: str) -> str:
        if value:
            split_address(value)
        return value

    @field_validator("gb28181_media_ports")
    @classmethod
    def _range(cls, value: str) -> str:
        read_ports(value)
        return value


def split_address(text: str) -> tuple[str, int | None]:
    """Split HOST[:PORT], an IPv6 host in brackets if a port follows. Raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text, ""
    host = host.removeprefix("[").removesuffix("]")
    if not host or (port and not (port.isdigit() and 0 < int(port) <= MAX_PORT)):
        raise ValueError("wanted HOST or HOST:PORT")
    if host in WILDCARDS:
        raise ValueError("wanted an address devices can reach, not a wildcard")
    return host, int(port) if port else None


def read_ports(text: str) -> tuple[int, ...]:
    """The ports of FIRST-LAST; none for an empty text. Raises ValueError."""
    if not text:
        return ()
    match = _PORTS.fullmatch(text.strip())
    first, last = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 < first <= last <= MAX_PORT:
        raise ValueError("wanted FIRST-LAST, such as 30000-30999")
    return tuple(range(first, last + 1))
