"""The device's own network (DVRIP §8): `NetWork.NetCommon` and what it takes to be reached."""

from dataclasses import dataclass

from cambus.dvrip.objects.fields import Address
from cambus.dvrip.objects.model import (
    ConfigObject,
    address,
    bits,
    choice,
    flag,
    inner,
    inners,
    items,
    number,
    secret,
    text,
)
from cambus.dvrip.objects.servers import MAX_PORT, Server
from cambus.dvrip.values import Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class NetCommon(ConfigObject):
    """`NetWork.NetCommon`: address, ports, limits.

    Attributes:
        gateway, host, netmask: dotted.
        host_name: its name.
        http_port, https_port, tcp_port, udp_port: where it listens.
        mac: its network card.
        max_bps: 0 is no limit.
        monitor_mode: how media is sent.
        max_connections: TCP connections it takes.
        transfer_plan: what matters more, quality or fluency.
        fast_download: downloads at full speed.
        device_id: of some firmware.
    """

    gateway: str | None = address("GateWay")
    host: str | None = address("HostIP")
    netmask: str | None = address("Submask")
    host_name: str | None = text("HostName")
    http_port: int | None = number("HttpPort", 0, MAX_PORT)
    mac: str | None = text("MAC")
    max_bps: int | None = number("MaxBps", 0)
    monitor_mode: str | None = choice("MonMode", "TCP", "UDP", "MCAST")
    https_port: int | None = number("SSLPort", 0, MAX_PORT)
    max_connections: int | None = number("TCPMaxConn", 0)
    tcp_port: int | None = number("TCPPort", 1, MAX_PORT)
    transfer_plan: str | None = choice("TransferPlan", "Quality", "Fluency", "AutoAdapt")
    udp_port: int | None = number("UDPPort", 0, MAX_PORT)
    fast_download: bool | None = flag("UseHSDownLoad")
    device_id: Mask | None = bits("DeviceID")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetDHCP(ConfigObject):
    """`NetWork.NetDHCP`, one per interface."""

    enable: bool | None = flag("Enable")
    interface: str | None = text("Interface")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetDNS(ConfigObject):
    """`NetWork.NetDNS`."""

    first: str | None = address("Address")
    second: str | None = address("SpareAddress")


@dataclass(frozen=True, slots=True, kw_only=True)
class NetPPPoE(ConfigObject):
    """`NetWork.NetPPPoE`."""

    enable: bool | None = flag("Enable")
    host: str | None = address("HostIP")
    server: Server | None = inner("Server", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetDDNS(ConfigObject):
    """`NetWork.NetDDNS`, one per service."""

    service: str | None = text("DDNSKey")
    enable: bool | None = flag("Enable")
    host_name: str | None = text("HostName")
    online: bool | None = flag("Online")
    server: Server | None = inner("Server", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetARSP(ConfigObject):
    """`NetWork.NetARSP`, an older registration with a name server."""

    service: str | None = text("ARSPKey")
    enable: bool | None = flag("Enable")
    http_port: int | None = number("HttpPort", 0, MAX_PORT)
    interval: int | None = number("Interval", 0)
    url: str | None = text("URL")
    server: Server | None = inner("Server", Server)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetIPFilter(ConfigObject):
    """`NetWork.NetIPFilter`: who may connect."""

    enable: bool | None = flag("Enable")
    banned: tuple[str, ...] | None = items("Banned", Address())
    trusted: tuple[str, ...] | None = items("Trusted", Address())


@dataclass(frozen=True, slots=True, kw_only=True)
class Upnp(ConfigObject):
    """`NetWork.Upnp`: ports it opens in the router."""

    enable: bool | None = flag("Enable")
    http_port: int | None = number("HTTPPort", 0, MAX_PORT)
    media_port: int | None = number("MediaPort", 0, MAX_PORT)
    mobile_port: int | None = number("MobilePort", 0, MAX_PORT)
    state: bool | None = flag("State")


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderSource(ConfigObject):
    """Where a digital channel gets its picture."""

    channel: int | None = number("Channel", 0)
    name: str | None = text("ConfName")
    device_type: str | None = text("DevType")
    enable: bool | None = flag("Enable")
    host: str | None = text("IPAddress")
    interval_s: int | None = number("Interval", 0)
    password: str | None = secret("PassWord")
    port: int | None = number("Port", 0, MAX_PORT)
    protocol: str | None = text("Protocol")
    stream: str | None = text("StreamType")
    user: str | None = text("UserName")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDevice(ConfigObject):
    """`NetWork.RemoteDeviceV3`: a digital channel of a recorder, with one source or several in turn."""

    connection: str | None = choice("ConnType", "SINGLE", "MULTI")
    enable: bool | None = flag("Enable")
    check_time: bool | None = flag("EnCheckTime", numbers=True)
    single_source: Mask | None = bits("SingleConnId")
    tour_interval_s: int | None = number("TourIntv", 0)
    sources: tuple[DecoderSource, ...] | None = inners("Decoder", DecoderSource)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStatus(ConfigObject):
    """`NetWork.ChnStatus`, read-only: how a digital channel is."""

    name: str | None = text("ChnName")
    status: str | None = text("Status")
    resolution: str | None = text("CurRes")
    max_resolution: str | None = text("MaxRes")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSynchronisation(ConfigObject):
    """`NetWork.DigTimeSyn`: how the clock of a digital channel is set."""

    mode: str | None = choice("TimeSyn", "OFF", "UTC", "Local", "T&Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnvifPasswordCheck(ConfigObject):
    """`NetWork.OnvifPwdCheckout`: ONVIF asks for a password."""

    enable: bool | None = flag("Enable")
