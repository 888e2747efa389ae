"""What a device has said of itself, as presence shows it."""

from typing import Final

from cambus.connector.driver import DeviceDescription
from cambus.connector_gb28181.channels import ChannelTable
from cambus.connector_gb28181.link import GbLink
from cambus.connector_gb28181.mapping.text import text
from cambus.gb28181.manscdp.presence import DeviceInfo
from cambus.schemas.commands.device import DeviceInfoReply
from cambus.schemas.state.registrations import KnownDevice

MAX_LISTED: Final = 512


def description_of(known: KnownDevice, channels: ChannelTable, link: GbLink) -> DeviceDescription:
    """Return what goes into presence."""
    return DeviceDescription(
        vendor=known.vendor,
        model=known.model,
        serial=link.code,
        software_version=known.software_version,
        channels=channels.channels,
        connection="registered",
        encrypted=link.binding.peer.transport == "tls",
        address=link.address,
    )


def with_info(known: KnownDevice, info: DeviceInfo) -> KnownDevice:
    """What is known, with what the device has answered just now; what it left out stays."""
    said = {
        "vendor": text(info.manufacturer),
        "model": text(info.model),
        "software_version": text(info.firmware),
    }
    return known.model_copy(update={name: value for name, value in said.items() if value})


def info_reply(info: DeviceInfo, description: DeviceDescription) -> DeviceInfoReply:
    """The answer to `device.info`."""
    return DeviceInfoReply(
        vendor=description.vendor,
        model=description.model,
        serial=description.serial,
        software_version=description.software_version,
        channels=list(description.channels[:MAX_LISTED]),
        channels_total=len(description.channels),
        alarm_inputs=max(info.alarms or 0, 0),
        native={"DeviceName": text(info.name), "DeviceType": text(info.device_type)},
    )
