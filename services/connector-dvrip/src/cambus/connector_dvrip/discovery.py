"""Looking for devices on the network (DVRIP §15), when somebody asks and only where the connector may.

A search is a broadcast in clear text that everybody on the network hears, and its answers are proof of nothing.
"""

from collections.abc import Callable, Mapping
from typing import Final

from cambus.bus.calls import CallContext
from cambus.connector.errors import InvalidRecord
from cambus.connector.registry import Desired
from cambus.connector_dvrip.address import parse_address
from cambus.connector_dvrip.endpoints import Endpoint, joined, read_endpoint
from cambus.connector_dvrip.mapping.native import text
from cambus.dvrip import discovery as native
from cambus.dvrip.errors import TransportError
from cambus.schemas.commands.discovery import MAX_FOUND, DiscoveryRunReply, DiscoveryRunRequest, FoundDevice
from cambus.schemas.errors import BadRequest, Conflict, Unsupported
from cambus.schemas.state.devices import DeviceRecord

OFF: Final = "this connector may not search; CAMBUS_DVRIP_DISCOVERY says where it may"


class NetworkSearch:
    """Searches.

    Args:
        replica: the name of this connector.
        addresses: where it may ask; none: nowhere.
        listen: where answers arrive.
        records: the devices there are already.
    """

    def __init__(
        self,
        replica: str,
        addresses: list[Endpoint],
        listen: Endpoint,
        records: Callable[[], Mapping[str, Desired]],
    ) -> None:
        self._replica = replica
        self._addresses = addresses
        self._listen = listen
        self._records = records

    async def run(self, _context: CallContext, request: DiscoveryRunRequest) -> DiscoveryRunReply:
        """Ask, and return who answered."""
        targets = self._targets(request.address)
        try:
            found = await native.discover(targets, self._listen, request.wait_s)
        except TransportError as error:
            raise Conflict(str(error), reason="port-in-use") from None
        except OSError as error:
            raise BadRequest(f"address: {error.strerror or error}", reason="unreachable") from None
        known = self._known()
        devices = sorted((_found(device, known) for device in found), key=lambda each: each.address)
        return DiscoveryRunReply(
            replica=self._replica,
            searched=[joined(*target) for target in targets],
            devices=devices[:MAX_FOUND],
            truncated=len(devices) > MAX_FOUND,
        )

    def _targets(self, address: str | None) -> list[Endpoint]:
        if not self._addresses:
            raise Unsupported(OFF, reason="discovery-off")
        if address is None:
            return self._addresses
        try:
            wanted = read_endpoint(address)
        except ValueError as error:
            raise BadRequest(f"address: {error}") from None
        if wanted not in self._addresses:
            allowed = ", ".join(joined(*each) for each in self._addresses)
            raise BadRequest(f"address: wanted one of {allowed}", reason="address-not-allowed")
        return [wanted]

    def _known(self) -> dict[Endpoint, str]:
        """The devices there are, by where they are."""
        known = {}
        for name, record in self._records().items():
            if isinstance(record, DeviceRecord) and record.address is not None:
                try:
                    known[parse_address(record.address)] = name
                except InvalidRecord:
                    continue
        return known


def _found(device: native.DiscoveredDevice, known: Mapping[Endpoint, str]) -> FoundDevice:
    host = text(device.host, 64) or device.source
    port = device.port if 0 < device.port < 65536 else 34567
    return FoundDevice(
        protocol="dvrip",
        address=joined(host, port),
        source=device.source,
        mac=text(device.mac, 64),
        serial=text(device.serial, 64),
        name=text(device.name, 64),
        version=text(device.version, 64),
        channels=min(max(device.channels, 0), 65535),
        known_as=known.get((host, port)),
    )
