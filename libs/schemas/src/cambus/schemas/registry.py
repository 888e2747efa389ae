"""Every model of the bus by name, with the example each one declares.

`proto-schemas/` and the contract tests are made from this. A model is in here if it is a subclass of
`Message` defined anywhere in this package; bases that never cross the bus by themselves are left out.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import cambus.schemas
from cambus.schemas.commands.alarm_router import AlarmFilter
from cambus.schemas.commands.recorded_time import RecordedTimeRequest
from cambus.schemas.events.alarm import AlarmEvent
from cambus.schemas.events.base import Event
from cambus.schemas.model import Message
from cambus.schemas.state.alarm_actions import Action, ChannelAction

_BASES = (Message, Event, AlarmEvent, Action, ChannelAction, AlarmFilter, RecordedTimeRequest)


@cache
def models() -> Mapping[str, type[Message]]:
    """Return every model by its name, sorted.

    Raises:
        RuntimeError: two models have one name, so that their published schemas would overwrite each other.
    """
    found: dict[str, type[Message]] = {}
    for module_info in pkgutil.walk_packages(cambus.schemas.__path__, "cambus.schemas."):
        module = importlib.import_module(module_info.name)
        for name, model in inspect.getmembers(module, inspect.isclass):
            if not issubclass(model, Message) or model in _BASES or model.__module__ != module.__name__:
                continue
            if found.setdefault(name, model) is not model:
                raise RuntimeError(f"two models are called {name}")
    return MappingProxyType(dict(sorted(found.items())))


def example_of(model: type[Message]) -> Message:
    """Return the example a model declares.

    Raises:
        LookupError: it declares none of its own.
        ValidationError: it does not fit.
    """
    return model.model_validate(declared_example(model))


def declared_example(model: type[Message]) -> dict[str, Any]:
    """Return the fields of the example a model declares, as they are written there.

    Raises:
        LookupError: it declares none of its own.
    """
    extra = model.model_config.get("json_schema_extra")
    inherited = [
        base.model_config.get("json_schema_extra") for base in model.__bases__ if issubclass(base, Message)
    ]
    if not isinstance(extra, dict) or any(extra is other for other in inherited):
        raise LookupError(f"{model.__name__} declares no example; add model_config = example(...)")
    fields: dict[str, Any] = extra["examples"][0]  # type: ignore[index, assignment]  # example() writes it so
    return fields
