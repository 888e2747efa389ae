"""Looking for devices on the network (DVRIP §15), when somebody asks and only where the connector may.

A search is a broadcast in clear text that everybody on the network hears, and its answers are proof of nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from cambus.bus.calls import CallContext
from cambus.connector.errors import InvalidRecord
from cambus.connector.registry import Desired
from cambus.connector_dvrip.address import parse_address
from cambus.connector_dvrip.endpoints import Endpoint, joined, read_endpoint
from cambus.connector_dvrip.mapping.errors import command_error
from cambus.connector_dvrip.mapping.native import text
from cambus.dvrip import discovery as native
from cambus.dvrip.errors import DvripError, TransportError
from cambus.schemas.commands.discovery import (
    MAX_FOUND,
    DiscoveryAddressReply,
    DiscoveryAddressRequest,
    DiscoveryRunReply,
    DiscoveryRunRequest,
    FoundDevice,
)
from cambus.schemas.errors import BadRequest, Conflict, Unsupported
from cambus.schemas.state.devices import DeviceRecord

LOOKS: Final = 3
"""Searches for a device at its new address; it needs a moment to be there."""

OFF: Final = "this connector may not search; CAMBUS_DVRIP_DISCOVERY says where it may"


class NetworkSearch:
    """Searches.

    Args:
        replica: the name of this connector.
        addresses: where it may ask; none: nowhere.
        listen: where answers arrive.
        records: the devices there are already.
        look_s: how long to listen for a device whose address is set.
    """

    def __init__(
        self,
        replica: str,
        addresses: list[Endpoint],
        listen: Endpoint,
        records: Callable[[], Mapping[str, Desired]],
        *,
        look_s: float = native.LISTEN_S,
    ) -> None:
        self._replica = replica
        self._addresses = addresses
        self._listen = listen
        self._records = records
        self._look_s = look_s
        self._turn = asyncio.Lock()  # the port of the answers is one

    async def run(self, _context: CallContext, request: DiscoveryRunRequest) -> DiscoveryRunReply:
        """Ask, and return who answered."""
        targets = self._targets(request.address)
        try:
            async with self._turn:
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

    async def set_address(
        self, _context: CallContext, request: DiscoveryAddressRequest
    ) -> DiscoveryAddressReply:
        """Give the device with a MAC another address, wherever this connector may search, and look for it there."""
        async with self._turn:
            return await self._set_address(self._targets(None), request)

    async def _set_address(
        self, targets: list[Endpoint], request: DiscoveryAddressRequest
    ) -> DiscoveryAddressReply:
        device = await self._with_mac(targets, request.mac)
        if device is None:
            return DiscoveryAddressReply(replica=self._replica, found=False)
        change = native.AddressChange(
            device,
            request.host,
            request.netmask,
            request.gateway,
            request.username,
            request.password.get_secret_value(),
        )
        accepted = False
        try:
            for target in targets:
                accepted |= await native.set_address(change, target, self._listen, confirm=True)
        except TransportError as error:
            raise Conflict(str(error), reason="port-in-use") from None
        except DvripError as error:
            raise command_error(error) from error
        seen = False
        for _ in range(LOOKS):
            moved = await self._with_mac(targets, request.mac)
            seen = moved is not None and moved.host == request.host
            if seen:
                break
        return DiscoveryAddressReply(replica=self._replica, found=True, accepted=accepted, seen=seen)

    async def _with_mac(self, targets: list[Endpoint], mac: str) -> native.DiscoveredDevice | None:
        try:
            found = await native.discover(targets, self._listen, self._look_s)
        except TransportError as error:
            raise Conflict(str(error), reason="port-in-use") from None
        return next((device for device in found if device.mac.lower() == mac.lower()), None)

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
