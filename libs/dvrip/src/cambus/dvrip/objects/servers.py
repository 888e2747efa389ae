"""Servers the device talks to (DVRIP §8): registration, alarm centre, time, mail, files."""

from dataclasses import dataclass
from typing import Final

from cambus.dvrip.objects.fields import Section, Text
from cambus.dvrip.objects.model import (
    ConfigObject,
    address,
    flag,
    inner,
    items,
    number,
    secret,
    text,
)
from cambus.dvrip.values import TimeSection

MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Server(ConfigObject):
    """A server; ``address`` is an address, a host name or empty, ``name`` a host name or a label."""

    address: str | None = address("Address", names=True)
    anonymous: bool | None = flag("Anonymity")
    name: str | None = text("Name")
    password: str | None = secret("Password")
    port: int | None = number("Port", 0, MAX_PORT)
    user: str | None = text("UserName")


@dataclass(frozen=True, slots=True, kw_only=True)
class DAS(ConfigObject):
    """`NetWork.DAS`: active registration (DVRIP §11)."""

    enable: bool | None = flag("Enable")
    device_id: str | None = text("DeviceID")
    user: str | None = text("UserName")
    password: str | None = secret("Password")
    server: str | None = text("ServerAddr")
    port: int | None = number("Port", 1, MAX_PORT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmServer(ConfigObject):
    """`NetWork.AlarmServer`: an alarm centre (DVRIP §12), for alarms, log entries or both."""

    enable: bool | None = flag("Enable")
    alarms: bool | None = flag("Alarm")
    log: bool | None = flag("Log")
    protocol: str | None = text("Protocol")
    server: Server | None = inner("Server", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetNTP(ConfigObject):
    """`NetWork.NetNTP`; ``time_zone`` is an index into the device's own list."""

    enable: bool | None = flag("Enable")
    server: Server | None = inner("Server", Server)
    time_zone: int | None = number("TimeZone", 0, 33)
    update_minutes: int | None = number("UpdatePeriod", 1, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetEmail(ConfigObject):
    """`NetWork.NetEmail`; a recipient "none" is an unused place."""

    enable: bool | None = flag("Enable")
    use_ssl: bool | None = flag("UseSSL", numbers=True)
    title: str | None = text("Title")
    sender: str | None = text("SendAddr")
    recipients: tuple[str, ...] | None = items("Recievers", Text(), spelled_right="Receivers")  # sic
    schedule: tuple[TimeSection, ...] | None = items("Schedule", Section())
    port: int | None = number("Port", 0, MAX_PORT)
    server: Server | None = inner("MailServer", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetFTP(ConfigObject):
    """`NetWork.NetFTP`, an object or an array of one."""

    enable: bool | None = flag("Enable")
    directory: str | None = text("Directory")
    max_file_length: int | None = number("MaxFileLen", 0)
    server: Server | None = inner("Server", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetMobile(ConfigObject):
    """`NetWork.NetMobile`."""

    enable: bool | None = flag("Enable")
    server: Server | None = inner("Server", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class RTSP(ConfigObject):
    """`NetWork.RTSP`: the device's own RTSP server, and cameras it fetches by RTSP."""

    is_server: bool | None = flag("IsServer")
    is_client: bool | None = flag("IsClient")
    server: Server | None = inner("Server", Server)
    client: Server | None = inner("Client", Server)
