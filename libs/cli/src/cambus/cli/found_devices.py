"""Devices that a search found, as entries of a `devices.yaml`: what stands in the file already is never touched.

Entries get no password, for a search knows none: a comment beside each says how to give one.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from cambus.cli.failures import UsageError
from cambus.cli.files import replacing
from cambus.cli.formatting import clean
from cambus.cli.yaml_text import parse
from cambus.schemas.commands.discovery import DiscoveryRunReply, FoundDevice
from cambus.schemas.ids import is_token

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
_NO_TOKEN: Final = re.compile(r"[^a-z0-9]+")
_HEADER: Final = "# Devices for `cambusctl apply -f`; give each its credentials first.\ndevices:\n"


def merged(replies: Iterable[DiscoveryRunReply]) -> list[FoundDevice]:
    """Each device once, whichever replicas found it, by address."""
    found: dict[tuple[str, str], FoundDevice] = {}
    for reply in replies:
        for device in reply.devices:
            found.setdefault((device.protocol, device.mac.lower() or device.serial or device.address), device)
    return sorted(found.values(), key=lambda each: each.address)


def device_id(device: FoundDevice) -> str:
    """An id that the same device gets in every search: of its MAC, else its serial number, else its address."""
    for fact in (device.mac.replace(":", "").replace("-", ""), device.serial, device.address):
        name = _NO_TOKEN.sub("-", fact.lower()).strip("-")
        if name:
            return f"{device.protocol}-{name}"[:64]
    return f"{device.protocol}-unnamed"


@dataclass(frozen=True, slots=True)
class Extended:
    """What became of a file.

    Attributes:
        added: the ids of the entries it got.
        kept: the ids of devices that stand there already.
    """

    added: list[str]
    kept: list[str]


def extend_file(path: Path, found: Sequence[FoundDevice]) -> Extended:
    """Add entries for devices to a file, or make it; nothing else in it changes.

    Raises:
        UsageError: it is no devices file, or none that can be added to.
    """
    text, present, indent = _read(path)
    added, kept, entries = [], [], []
    for device in found:
        name = device_id(device)
        if name in present or (device.protocol, device.address) in present:
            kept.append(name)
            continue
        present |= {name, (device.protocol, device.address)}
        added.append(name)
        entries.append(_entry(name, device, indent))
    if added:
        whole = text + "".join(entries)
        if not _ends_with(whole, added):
            raise UsageError(f"{path} cannot be added to: its list of devices is not what it ends with")
        with replacing(path) as file:
            file.write(whole.encode())
    return Extended(added, kept)


def _ends_with(text: str, names: list[str]) -> bool:
    """Whether a file with this text has these devices last."""
    try:
        devices = yaml.safe_load(text)["devices"]
        return [item["id"] for item in devices[-len(names) :]] == names
    except (yaml.YAMLError, LookupError, TypeError):
        return False


def _read(path: Path) -> tuple[str, set[Any], int]:
    """The text to add to, the ids and addresses in it, and how far its entries are indented."""
    if not path.exists():
        if not path.absolute().parent.is_dir():
            raise UsageError(f"there is no folder {path.absolute().parent}")
        return _HEADER, set(), 2
    try:
        raw = path.read_bytes()
        text = raw.decode() if len(raw) <= MAX_FILE_BYTES else ""
        root, document = parse(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} cannot be added to: {error}") from None
    if root is None:
        return text + _separator(text) + "devices:\n", set(), 2
    if (
        not isinstance(document, dict)
        or set(document) != {"devices"}
        or not isinstance(root, yaml.MappingNode)
    ):
        raise UsageError(f"{path} cannot be added to: wanted a mapping with the key 'devices' and no other")
    devices, items = root.value[0][1], document["devices"]
    if items in (None, []) and isinstance(devices, yaml.Node):
        head = text[: devices.start_mark.index].rstrip() if items == [] else text.rstrip()
        rest = text[devices.end_mark.index :].lstrip(" ") if items == [] else "\n"
        return head + _separator_after(rest), set(), 2
    if not isinstance(devices, yaml.SequenceNode) or devices.flow_style:
        raise UsageError(
            f"{path} cannot be added to: wanted 'devices' as a list of entries that begin with '-'"
        )
    return text + _separator(text), _present(items), devices.start_mark.column


def _separator(text: str) -> str:
    return "" if not text or text.endswith("\n") else "\n"


def _separator_after(rest: str) -> str:
    """What followed an empty list: comments stay, in lines of their own."""
    return rest if rest.startswith("\n") else ("\n" + rest if rest else "\n")


def _present(items: Sequence[Any]) -> set[Any]:
    """The ids, and the protocols with addresses, of the entries of a file."""
    present: set[Any] = set()
    for item in items:
        if isinstance(item, dict):
            address = str(item.get("address", ""))
            present.add(str(item.get("id")))
            present.add((item.get("protocol"), address))
            if item.get("protocol") == "dvrip" and ":" not in address:
                present.add(("dvrip", f"{address}:34567"))
    return present


def _entry(name: str, device: FoundDevice, indent: int) -> str:
    """One entry; texts of the device stand in quotes or comments, without control characters."""
    facts = [
        f"{label} {clean(value).encode('ascii', 'replace').decode()}"
        for label, value in (("MAC", device.mac), ("serial", device.serial), ("version", device.version))
        if value
    ]
    lines = [
        f"- id: {name}",
        f"  protocol: {device.protocol}",
        f"  address: {_quoted(device.address)}",
    ]
    if clean(device.name):
        lines.append(f"  name: {_quoted(device.name)}")
    if facts:
        lines.append(f"  # {', '.join(facts)}")
    password = name if is_token(name) else "device"
    lines += [
        "  # How to log in there; put the password into a file of its own, beside this one:",
        "  # credentials:",
        "  #   username: admin",
        f"  #   password_file: {password}.password",
    ]
    return "".join(f"{' ' * indent}{line}\n" for line in lines)


def _quoted(text: str) -> str:
    return yaml.safe_dump(clean(text), default_style='"', allow_unicode=True, width=MAX_FILE_BYTES).strip()
