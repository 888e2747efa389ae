"""The commands about links to upper platforms: `svc.connector-gb28181.cascade.…`."""

from __future__ import annotations

from cambus.bus.calls import CallContext
from cambus.bus.connection import Bus
from cambus.bus.endpoints import Endpoints
from cambus.client.kv import KeyValue
from cambus.connector_gb28181.cascade.directory import Seen
from cambus.connector_gb28181.cascade.nodes import Node, Planner
from cambus.schemas import keys
from cambus.schemas.assets import KV_DEVICES, KV_POLICIES, KV_PRESENCE
from cambus.schemas.commands import cascade as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.model import Done, Empty
from cambus.schemas.state.cascade import CascadeLink, CascadeNumbers, CascadeStatus
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

MAX_NODES = 2000


class CascadeCommands:
    """Answers them; any replica may.

    Args:
        bus: the connection.
    """

    def __init__(self, bus: Bus) -> None:
        self._links = KeyValue(bus, KV_POLICIES, CascadeLink)
        self._numbers = KeyValue(bus, KV_POLICIES, CascadeNumbers)
        self._statuses = KeyValue(bus, KV_POLICIES, CascadeStatus)
        self._presences = KeyValue(bus, KV_PRESENCE, Presence)
        self._records = KeyValue(bus, KV_DEVICES, DeviceRecord)

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.PUT, self.put)
        endpoints.add(commands.LIST, self.list)
        endpoints.add(commands.SHOW, self.show)
        endpoints.add(commands.DELETE, self.delete)

    async def put(self, _: CallContext, request: commands.CascadePutRequest) -> Done:
        """Write a link; whoever holds it begins anew with it.

        Raises:
            BadRequest: it could not do what it says.
        """
        link = request.link
        unusable = problems(link)
        if unusable:
            raise BadRequest("; ".join(unusable[:3]), reason="unusable-link")
        await self._links.put(keys.cascade_link(link.id), link)
        return Done()

    async def list(self, _: CallContext, __: Empty) -> commands.CascadeListReply:
        """Every link, by id."""
        links = await self._links.items(f"{keys.CASCADE_LINKS}>")
        statuses = await self._statuses.items(f"{keys.CASCADE_STATUSES}>")
        found = []
        for key in sorted(links):
            status = statuses.get(keys.cascade_status(links[key].value.id))
            found.append(
                commands.CascadeEntry(link=links[key].value, status=status.value if status else None)
            )
        return commands.CascadeListReply(links=found)

    async def show(self, _: CallContext, request: commands.CascadeRequest) -> commands.CascadeShowReply:
        """A link, and what its platform sees.

        Raises:
            NotFound: there is none of that name.
        """
        link = await self._link(request.id)
        status = await self._statuses.get(keys.cascade_status(request.id))
        numbers = await self._numbers.get(keys.cascade_numbers(request.id))
        planner = Planner(link, dict(numbers.value.numbers) if numbers is not None else {})
        nodes = list(planner.plan(await self._devices()).nodes.values())
        return commands.CascadeShowReply(
            entry=commands.CascadeEntry(link=link, status=status.value if status is not None else None),
            nodes=[_shown(node) for node in nodes[:MAX_NODES]],
            total=len(nodes),
        )

    async def delete(self, _: CallContext, request: commands.CascadeRequest) -> Done:
        """Forget a link, and the codes that were made for it.

        Raises:
            NotFound: there is none of that name.
        """
        await self._link(request.id)
        await self._links.delete(keys.cascade_link(request.id))
        await self._numbers.delete(keys.cascade_numbers(request.id))
        await self._statuses.delete(keys.cascade_status(request.id))
        return Done()

    async def _link(self, name: str) -> CascadeLink:
        entry = await self._links.get(keys.cascade_link(name))
        if entry is None:
            raise NotFound(f"there is no link {name}")
        return entry.value

    async def _devices(self) -> dict[str, Seen]:
        devices = {
            device: Seen(presence=entry.value) for device, entry in (await self._presences.items()).items()
        }
        for device, entry in (await self._records.items()).items():
            devices.setdefault(device, Seen()).record = entry.value
        return devices


def problems(link: CascadeLink) -> list[str]:
    """Why a link could not do what it says."""
    found = []
    groups = {group.id for group in link.groups}
    codes = [each.code for each in link.shares if each.code] + [
        each.code for each in link.groups if each.code
    ]
    if len(set(codes)) != len(codes) or link.code in codes:
        found.append("code: one is given twice")
    if not 0 < int(link.server_address.rpartition(":")[2]) < 0x10000:
        found.append("server_address: wanted HOST:PORT")
    for index, share in enumerate(link.shares):
        one = len(share.devices) == 1 and share.channels is not None and len(share.channels) == 1
        if share.code is not None and (not one or any(each in share.devices[0] for each in "*?")):
            found.append(f"shares[{index}].code: only one channel of one device can have it")
        if share.group is not None and share.group not in groups:
            found.append(f"shares[{index}].group: there is no group {share.group}")
    for index, group in enumerate(link.groups):
        if group.parent is not None and group.parent not in groups - {group.id}:
            found.append(f"groups[{index}].parent: there is no group {group.parent}")
        kind = "215" if group.parent is None else "216"
        if group.code is not None and group.code[10:13] != kind:
            found.append(f"groups[{index}].code: digits 11 to 13 want to be {kind}")
    return found


def _shown(node: Node) -> commands.CascadeNode:
    return commands.CascadeNode(
        code=node.code,
        name=node.name,
        online=node.online,
        device=node.device,
        channel=node.channel,
        parents=[*node.parents, *([node.group] if node.group and node.group not in node.parents else [])],
    )
