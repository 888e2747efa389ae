"""What an upper platform sees: the shared channels under codes of its own, in a tree (§6, §12, GB-241)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Final, NamedTuple

from cambus.connector_gb28181.cascade.directory import Seen
from cambus.gb28181.codes import is_code
from cambus.schemas.channels import ChannelInfo
from cambus.schemas.state.cascade import MAX_NUMBER, CascadeGroup, CascadeLink, CascadeShare
from cambus.schemas.state.devices import DeviceRecord
from cambus.schemas.state.presence import Presence

HOST_TYPE: Final = "118"
CHANNEL_TYPE: Final = "131"
GROUP_TYPE: Final = "215"
ORGANISATION_TYPE: Final = "216"


class Way(NamedTuple):
    """One way to a camera: the device that shows it, and what it hangs under there."""

    device: str
    channel: int
    via: str


@dataclass(frozen=True, slots=True)
class Node:
    """One item of the catalog.

    Attributes:
        code: its code for the platform.
        name: for people.
        parents: codes of what it hangs under.
        group: code of its business group, empty without.
        online: whether it is shown as there.
        device: the device; None for ourselves and for folders.
        channel: its channel; None for a device as a whole.
        info: what is known of the channel.
        vendor, model, software: of the device.
        protocol: it speaks.
        inner: whether something hangs under it.
        ways: to a channel; several where several lower platforms show one camera.
    """

    code: str
    name: str
    parents: tuple[str, ...] = ()
    group: str = ""
    online: bool = True
    device: str | None = None
    channel: int | None = None
    info: ChannelInfo | None = None
    vendor: str = ""
    model: str = ""
    software: str = ""
    protocol: str = ""
    inner: bool = False
    ways: tuple[Way, ...] = ()

    def joined(self, other: Node) -> Node:
        """One item for a camera that two devices show: under both, and there if one of them has it (§12)."""
        shown = other if other.online and not self.online else self
        parents = tuple(dict.fromkeys((*self.parents, *other.parents)))
        group = self.group or other.group
        return replace(shown, parents=parents, group=group, ways=(*self.ways, *other.ways))

    def by(self, hop: str) -> Node:
        """The item reached by a lower platform, by its code or its name on the bus; as it is where that has none."""
        way = next((each for each in self.ways if hop in {each.via, each.device}), None)
        return self if way is None else replace(self, device=way.device, channel=way.channel)


class SharedSet:
    """The catalog of one link, in the order it is told: ourselves, groups, organisations, devices.

    Args:
        nodes: the items.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = {node.code: node for node in nodes}
        self._places: dict[tuple[str, int | None], Node] = {}
        for node in nodes:
            if node.device is not None:
                self._places[node.device, node.channel] = node
            self._places.update({(way.device, way.channel): node for way in node.ways})

    def __len__(self) -> int:
        return len(self.nodes)

    def node(self, code: str) -> Node | None:
        """The item of a code, None for what is not shared."""
        return self.nodes.get(code)

    def at(self, device: str, channel: int | None) -> Node | None:
        """The item of a channel, or of a device; a device without one is its only channel."""
        found = self._places.get((device, channel))
        if found is None and channel is None:
            alone = [node for (owner, _), node in self._places.items() if owner == device]
            found = alone[0] if len(alone) == 1 else None
        return found

    def below(self, code: str) -> list[Node]:
        """An item and everything under it, in order (§6)."""
        wanted, waiting = {code}, deque([code])
        children = self._children()
        while waiting:
            for child in children.get(waiting.popleft(), ()):
                if child not in wanted:
                    wanted.add(child)
                    waiting.append(child)
        return [node for node in self.nodes.values() if node.code in wanted]

    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for node in self.nodes.values():
            for parent in {*node.parents, node.group} - {""}:
                found.setdefault(parent, []).append(node.code)
        return found


class _Planned(NamedTuple):
    """What became of a device, and what it was made of."""

    presence: Presence | None
    record: DeviceRecord | None
    more: list[ChannelInfo]
    nodes: list[Node]


class Planner:
    """Makes the shared set of a link.

    Args:
        link: the link.
        numbers: the codes that were made before; those made now are added.
    """

    def __init__(self, link: CascadeLink, numbers: dict[str, int]) -> None:
        self.numbers = numbers
        self._link = link
        self._used = {link.code}
        self._used |= {each.code for each in link.shares if each.code is not None}
        self._used |= {each.code for each in link.groups if each.code is not None}
        self._owners: dict[str, tuple[str, str]] = {}
        self._natives: set[str] = set()
        self._known: dict[str, _Planned] = {}
        self._taken = set(numbers.values())
        self._next = max(self._taken, default=0) + 1
        self._given_out = {
            self._made(CHANNEL_TYPE if "/" in key else HOST_TYPE, number) for key, number in numbers.items()
        }

    def plan(self, devices: Mapping[str, Seen]) -> SharedSet:
        """The shared set of what there is now; only what changed since the last time is thought over."""
        link = self._link
        nodes = [Node(link.code, link.name or "Cambus", inner=True)]
        folders = dict(self._groups())
        nodes += folders.values()
        changed = {device for device, seen in devices.items() if not self._knows(device, seen)}
        for device in changed:
            self._natives |= {native for info in devices[device].channels if (native := info.native_id)}
        self._natives |= changed
        known, self._known = self._known, {}
        for device, seen in sorted(devices.items()):
            found = self._device(device, seen, folders) if device in changed else known[device].nodes
            self._known[device] = _Planned(seen.presence, seen.record, seen.more, found)
            nodes += found
        return SharedSet(_merged(nodes))

    def _knows(self, device: str, seen: Seen) -> bool:
        known = self._known.get(device)
        return (
            known is not None
            and known.presence is seen.presence
            and known.record is seen.record
            and known.more is seen.more
        )

    # --- folders ----------------------------------------------------------------------------------------

    def _groups(self) -> Iterator[tuple[str, Node]]:
        """The folders, parents first; one whose parents make a ring, or are not there, is a business group."""
        known = {group.id: group for group in self._link.groups}
        made: dict[str, Node] = {}

        def make(group: CascadeGroup, above: frozenset[str]) -> Node:
            if group.id in made:
                return made[group.id]
            parent = known.get(group.parent or "") if group.parent not in above else None
            if parent is None:
                code = group.code or self._code(f":{group.id}", GROUP_TYPE)
                made[group.id] = Node(code, group.name, (self._link.code,), inner=True)
            else:
                upper = make(parent, above | {group.id})
                code = group.code or self._code(f":{group.id}", ORGANISATION_TYPE)
                top = upper.group or upper.code
                under = (upper.code,) if upper.group else ()
                made[group.id] = Node(code, group.name, under, top, inner=True)
            return made[group.id]

        for group in self._link.groups:
            make(group, frozenset({group.id}))
        yield from sorted(made.items(), key=lambda each: bool(each[1].group))

    # --- devices ----------------------------------------------------------------------------------------

    def _device(self, device: str, seen: Seen, folders: Mapping[str, Node]) -> list[Node]:
        presence = seen.presence
        if presence is None:
            return []
        tags = seen.record.tags if seen.record is not None else []
        shares = [
            each for each in self._link.shares if each.covers(device, tags=tags, protocol=presence.protocol)
        ]
        chosen = [
            (info, share)
            for info in seen.channels
            if (share := next((each for each in shares if each.covers_channel(info.channel)), None))
        ]
        if not chosen:
            return []
        host = self._host(device, seen, presence) if len(seen.channels) > 1 else None
        above = host.code if host is not None else self._link.code
        codes = {info.native_id: self._channel_code(device, info, share) for info, share in chosen}
        nodes = [host] if host is not None else []
        for info, share in chosen:
            node = self._channel(device, seen, presence, info, share)
            native = codes.get(info.parent) if info.parent is not None else None
            parents: tuple[str, ...] = (native if native is not None and native != node.code else above,)
            folder = folders.get(share.group or "")
            if folder is not None and folder.group:
                parents += (folder.code,)
            group = (folder.group or folder.code) if folder is not None else ""
            way = Way(device, info.channel, above)
            nodes.append(replace(node, parents=parents, group=group, ways=(way,)))
        return nodes

    def _host(self, device: str, seen: Seen, presence: Presence) -> Node:
        """A device with several channels, as what they hang under."""
        return Node(
            self._claimed(device, device, device) or self._code(device, HOST_TYPE),
            _name(seen) or device,
            (self._link.code,),
            online=presence.online,
            device=device,
            vendor=presence.vendor,
            model=presence.model,
            software=presence.software_version,
            protocol=presence.protocol,
            inner=True,
        )

    def _channel(
        self, device: str, seen: Seen, presence: Presence, info: ChannelInfo, share: CascadeShare
    ) -> Node:
        return Node(
            self._channel_code(device, info, share),
            info.name or _name(seen) or f"{device} {info.channel}",
            online=presence.online and info.online and info.enabled,
            device=device,
            channel=info.channel,
            info=info,
            vendor=info.vendor or presence.vendor,
            model=info.model or presence.model,
            software=presence.software_version,
            protocol=presence.protocol,
        )

    # --- codes ------------------------------------------------------------------------------------------

    def _channel_code(self, device: str, info: ChannelInfo, share: CascadeShare) -> str:
        if share.code is not None:
            return share.code
        key = f"{device}/{info.channel}"
        return self._claimed(key, info.native_id, device) or self._code(key, CHANNEL_TYPE)

    def _claimed(self, key: str, native: str | None, device: str) -> str | None:
        """A code of GB/T 28181 it has already, unless another of this link has it.

        A channel of another device with the same code is the same camera, seen over another way.
        """
        if not self._link.keep_native_codes or native is None or not is_code(native):
            return None
        if native in self._used or native in self._given_out:
            return None
        owner, owning = self._owners.setdefault(native, (key, device))
        return native if owner == key or owning != device else None

    def _code(self, key: str, kind: str) -> str:
        """A code of ours: our prefix, what it is, and a number that stays (GB-241)."""
        number = self.numbers.get(key)
        if number is None or self._made(kind, number) in self._used:
            number = next(
                each
                for each in count(self._next)
                if each not in self._taken and not self._is_used(self._made(kind, each))
            )
            if number > MAX_NUMBER:
                raise ValueError(f"link {self._link.id}: no code is left for {key}")
            self._next = number + 1
            self._taken.add(number)
            self.numbers[key] = number
            self._given_out.add(self._made(kind, number))
        return self._made(kind, number)

    def _is_used(self, code: str) -> bool:
        return code in self._used or code in self._natives

    def _made(self, kind: str, number: int) -> str:
        code = self._link.code
        return f"{code[:10]}{kind}{code[13]}{number:06d}"


def _merged(nodes: list[Node]) -> list[Node]:
    """One node for each code, where it came first."""
    found: dict[str, Node] = {}
    for node in nodes:
        known = found.get(node.code)
        found[node.code] = node if known is None else known.joined(node)
    return list(found.values())


def _name(seen: Seen) -> str | None:
    """What people call a device."""
    return seen.record.name if seen.record is not None else None
