"""The catalog: every command and every event of the bus, found by name.

Subjects, endpoint registration, client stubs, AsyncAPI, JSON Schema, documentation and contract tests all
come from these three mappings. They are collected from the modules of `cambus.schemas.commands` and
`cambus.schemas.events`: a `CommandSpec` or `EventSpec` declared there is in the catalog, and nothing else is.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Any

from cambus.schemas import commands, events
from cambus.schemas.spec import CommandSpec, EventSpec

__all__ = ["DEVICE_COMMANDS", "EVENTS", "SERVICE_COMMANDS", "CommandSpec", "EventSpec", "command", "event"]


def _declared(package: ModuleType) -> Iterator[tuple[str, object]]:
    """Every public constant of every module in a package, with the module that holds it."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            if name.isupper():
                yield found.name, value


def _collect() -> tuple[
    dict[str, CommandSpec[Any, Any]], dict[str, CommandSpec[Any, Any]], dict[str, EventSpec[Any]]
]:
    """Gather the three mappings, sorted by name; a name declared twice is a defect."""
    device: dict[str, CommandSpec[Any, Any]] = {}
    service: dict[str, CommandSpec[Any, Any]] = {}
    happened: dict[str, EventSpec[Any]] = {}
    for where, value in (*_declared(commands), *_declared(events)):
        if isinstance(value, CommandSpec):
            known: dict[str, Any] = device if value.service is None else service
            name = value.key
        elif isinstance(value, EventSpec):
            known, name = happened, value.name
        else:
            continue
        if known.setdefault(name, value) is not value:
            raise RuntimeError(f"{where} declares {name} a second time")
    return dict(sorted(device.items())), dict(sorted(service.items())), dict(sorted(happened.items()))


_DEVICE, _SERVICE, _HAPPENED = _collect()

DEVICE_COMMANDS: Mapping[str, CommandSpec[Any, Any]] = MappingProxyType(_DEVICE)
"""The commands to devices, by name: `ptz.move`."""

SERVICE_COMMANDS: Mapping[str, CommandSpec[Any, Any]] = MappingProxyType(_SERVICE)
"""The commands to services, by service and name: `media-relay.live.open`."""

EVENTS: Mapping[str, EventSpec[Any]] = MappingProxyType(_HAPPENED)
"""The events, by name: `alarm.raised`."""


def command(name: str) -> CommandSpec[Any, Any]:
    """Return the command of this name, of a device or of a service.

    Raises:
        KeyError: there is none.
    """
    return DEVICE_COMMANDS[name] if name in DEVICE_COMMANDS else SERVICE_COMMANDS[name]


def event(name: str) -> EventSpec[Any]:
    """Return the event of this name.

    Raises:
        KeyError: there is none.
    """
    return EVENTS[name]
