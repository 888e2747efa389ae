"""The services of the repository, found by their folders."""

import importlib
import inspect
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

ROOT: Final = Path(__file__).resolve().parents[2]

T = TypeVar("T")


@cache
def names() -> tuple[str, ...]:
    """The name of every service: that of its folder."""
    return tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/pyproject.toml")))


def module_of(service: str, name: str) -> ModuleType:
    """A module of a service."""
    return importlib.import_module(f"cambus.{service.replace('-', '_')}.{name}")


def own_classes(module: ModuleType, base: type[T]) -> list[type[T]]:
    """The classes derived from one that a module defines itself."""
    found: list[tuple[str, Any]] = inspect.getmembers(module, inspect.isclass)
    return [each for _, each in found if issubclass(each, base) and each.__module__ == module.__name__]


def sources(package: Path) -> list[Path]:
    """Every source file of a distribution."""
    return sorted(package.glob("src/**/*.py"))
