"""Packages that are imported when something of them is first used, and not before."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


class _Deferred(ModuleType):
    """A package nothing of which was asked for yet. Its loading makes it an ordinary one."""

    def __getattr__(self, name: str) -> Any:
        """Load the package, for an attribute that is not there before it is."""
        self.__class__ = ModuleType  # type: ignore[assignment]  # it is one from here on
        spec: ModuleSpec = self.__dict__["__spec__"]
        if spec.loader is not None:
            spec.loader.exec_module(self)
        return getattr(self, name)


def defer(name: str) -> None:
    """Have `import name` do nothing yet: the package is loaded at its first use.

    For what others import and we may not need: nats-py takes aiohttp, a fifth of the start of a command, for servers
    that are reached by WebSocket. (`importlib.util.LazyLoader` loads at the second `import` already.) What is imported
    already stays as it is, and what is not installed is missed as ever.
    """
    if name in sys.modules or (spec := find_spec(name)) is None:
        return
    module = module_from_spec(spec)
    module.__class__ = _Deferred
    sys.modules[name] = module
