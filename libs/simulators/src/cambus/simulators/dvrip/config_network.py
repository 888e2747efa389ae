"""Factory settings of network, ports and the machine (DVRIP §8): NetWork, Uart, General, System, Status."""

from typing import Any, Final

from cambus.dvrip.values import format_address

_SERIAL_LINE: Final = [115200, "None", 8, 1]


def network_defaults(host: str, port: int, mac: str, name: str, channels: int) -> dict[str, Any]:
    """The root NetWork; ``host`` is a dotted IPv4 address."""
    return {
        "AlarmServer": [
            {"Alarm": True, "Enable": False, "Log": False, "Protocol": "GENERAL", "Server": server(15002)}
        ],
        "ChnStatus": [
            {"ChnName": "", "CurRes": "", "MaxRes": "", "Status": "Connected"} for _ in range(channels)
        ],
        "DAS": {
            "DeviceID": "",
            "Enable": False,
            "Password": "",
            "Port": 9400,
            "ServerAddr": "",
            "UserName": "",
        },
        "DigTimeSyn": [{"TimeSyn": "UTC"} for _ in range(channels)],
        "Nat": {"MNatEnable": True, "NatEnable": False},
        "Net3G": {"APN": "", "Enable": False, "PIN": ""},
        "NetARSP": [
            {
                "ARSPKey": "DNS",
                "Enable": False,
                "HttpPort": 80,
                "Interval": 60,
                "Server": server(15000),
                "URL": "",
            }
        ],
        "NetCommon": net_common(host, port, mac, name),
        "NetDDNS": [
            {"DDNSKey": "Oray", "Enable": False, "HostName": "", "Online": False, "Server": server(80)}
        ],
        "NetDHCP": [{"Enable": False, "Interface": "eth0"}],
        "NetDNS": {"Address": format_address("8.8.8.8"), "SpareAddress": format_address("8.8.4.4")},
        "NetEmail": {
            "Enable": False,
            "MailServer": server(25),
            "Recievers": ["none", "none", "none"],
            "Schedule": ["0 00:00:00-24:00:00", "0 00:00:00-24:00:00"],
            "SendAddr": "",
            "Title": "Alert",
            "UseSSL": False,
        },
        "NetFTP": {"Directory": "", "Enable": False, "MaxFileLen": 0, "Server": server(21)},
        "NetIPFilter": {"Banned": [], "Enable": False, "Trusted": []},
        "NetMobile": {"Enable": True, "Server": server(34599)},
        "NetNTP": {"Enable": False, "Server": server(123), "TimeZone": 13, "UpdatePeriod": 60},
        "NetOrder": {"EnableOrder": False, "NetDev": []},
        "NetPPPoE": {"Enable": False, "HostIP": "0x00000000", "Server": server(0)},
        "OnvifPwdCheckout": {"Enable": True},
        "PMS": {"BoxID": "", "Enable": False, "Port": 80, "ServName": ""},
        "RTSP": {"Client": server(554), "IsClient": False, "IsServer": True, "Server": server(554)},
        "RemoteDeviceV3": [],
        "SPVMN": {"bCsEnable": False, "szCsIP": "", "uCsPort": 5060},
        "Upnp": {"Enable": False, "HTTPPort": 80, "MediaPort": port, "MobilePort": 34599, "State": False},
        "Wifi": {"Auth": "OPEN", "Channel": 0, "Enable": False, "EncrypType": "NONE", "SSID": ""},
    }


def net_common(host: str, port: int, mac: str, name: str) -> dict[str, Any]:
    """NetWork.NetCommon, which a search answers too."""
    gateway = host.rsplit(".", 1)[0] + ".1" if host.count(".") == 3 else "0.0.0.0"  # noqa: S104 - "none", not a bind
    return {
        "GateWay": format_address(gateway),
        "HostIP": format_address(host),
        "HostName": name,
        "HttpPort": 80,
        "MAC": mac,
        "MaxBps": 0,
        "MonMode": "TCP",
        "SSLPort": 8443,
        "Submask": format_address("255.255.255.0"),
        "TCPMaxConn": 10,
        "TCPPort": port,
        "TransferPlan": "AutoAdapt",
        "UDPPort": 34568,
        "UseHSDownLoad": False,
    }


def server(port: int) -> dict[str, Any]:
    """A *Server* that was never filled in."""
    return {
        "Address": "0x00000000",
        "Anonymity": False,
        "Name": "",
        "Password": "",
        "Port": port,
        "UserName": "",
    }


def machine_defaults(name: str, channels: int, utc_offset_minutes: int) -> dict[str, Any]:
    """The roots General, System, Uart and Status."""
    no_change = {"Day": 0, "Hour": 0, "Minute": 0, "Month": 1, "Week": 0, "Year": 2026}
    return {
        "General": {
            "AutoMaintain": {"AutoDeleteFilesDays": 0, "AutoRebootDay": "Never", "AutoRebootHour": 2},
            "General": {
                "AutoLogout": 0,
                "FontSize": 24,
                "IranCalendarEnable": 0,
                "LocalNo": 8,
                "MachineName": name,
                "OverWrite": "OverWrite",
                "ScreenAutoShutdown": 10,
                "ScreenSaveTime": 0,
                "SnapInterval": 2,
                "VideoOutPut": "AUTO",
            },
            "Location": {
                "DSTEnd": no_change,
                "DSTRule": "Off",
                "DSTStart": no_change,
                "DateFormat": "YYMMDD",
                "DateSeparator": "-",
                "Language": "English",
                "TimeFormat": "24",
                "VideoFormat": "PAL",
                "WorkDay": 62,
            },
            "PwdSafety": {"PwdReset": [], "SecurityEmail": ""},
        },
        "System": {
            "ExUserMap": {},
            "TimeZone": {"FirstUserTimeZone": 100, "timeMin": -utc_offset_minutes},
        },
        "Uart": {
            "Comm": [{"Attribute": _SERIAL_LINE, "PortNo": 1, "ProtocolName": "Console"}],
            "PTZ": [_ptz_line("PELCOD") for _ in range(channels)],
            "PTZPreset": [[] for _ in range(channels)],
            "PTZTour": [[] for _ in range(channels)],
            "RS485": [_ptz_line("NONE") for _ in range(channels)],
        },
        "Status": {"NatInfo": {"NaInfoCode": "", "NatStatus": "Conneted"}},
    }


def _ptz_line(protocol: str) -> dict[str, Any]:
    return {
        "Attribute": [9600, "None", 8, 1],
        "DeviceNo": 1,
        "NumberInMatrixs": 0,
        "PortNo": 1,
        "ProtocolName": protocol,
    }
