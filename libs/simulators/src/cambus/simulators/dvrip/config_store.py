"""The settings of a device: read and written by root, leaf, element and field (DVRIP §8)."""

import copy
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from cambus.dvrip.codes import ReturnCode

_PART: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_MISSING: Final = object()
#: Nothing sensible is longer; the path comes from the network.
_MAX_PARTS: Final = 12


class ConfigStore:
    """A tree of settings with its factory state.

    Args:
        defaults: root name to value.
        changed: called with the name after every change.
    """

    def __init__(
        self, defaults: Mapping[str, Any], changed: Callable[[str], None] = lambda _name: None
    ) -> None:
        # Through JSON, which also undoes the sharing of equal parts: each must be writable on its own.
        text = json.dumps(defaults)
        self._defaults: dict[str, Any] = json.loads(text)
        self._values: dict[str, Any] = json.loads(text)
        self._changed = changed

    @property
    def roots(self) -> list[str]:
        """Names of the roots."""
        return list(self._values)

    def get(self, name: str, *, default: bool = False) -> Any:
        """The value of ``Detect.MotionDetect.[0]`` and the like, or of the factory.

        Raises:
            KeyError: there is none.
        """
        value: Any = self._defaults if default else self._values
        for part in _path(name):
            value = _step(value, part)
            if value is _MISSING:
                raise KeyError(name)
        return value

    def find(self, name: str) -> Any:
        """The value, or None: for what the device itself looks up, whatever clients have written."""
        try:
            return self.get(name)
        except KeyError:
            return None

    def set(self, name: str, value: Any, *, merge: bool = True) -> int:
        """Write a value; sparse objects are merged into what is there unless ``merge`` is off.

        An unknown field is taken over as it comes, an unknown root or leaf is not.
        """
        path = _path(name)
        holder: Any = self._values
        for part in path[:-1]:
            holder = _step(holder, part)
            if holder is _MISSING:
                return ReturnCode.NO_SUCH_CONFIG
        old = _step(holder, path[-1])
        if old is _MISSING and len(path) < 3:
            return ReturnCode.NO_SUCH_CONFIG
        if old is _MISSING and not isinstance(holder, dict):
            return ReturnCode.NO_SUCH_CONFIG
        if isinstance(old, dict | list) and not isinstance(value, type(old)):
            return ReturnCode.PARSE_ERROR
        holder[path[-1]] = copy.deepcopy(_merged(old, value) if merge else value)
        self._changed(name)
        return ReturnCode.OK

    def restore(self, *roots: str) -> None:
        """Back to the factory, whole or for some roots."""
        for root in roots or tuple(self._defaults):
            self._values[root] = copy.deepcopy(self._defaults[root])
            self._changed(root)

    def export(self) -> dict[str, Any]:
        """A copy of everything."""
        return copy.deepcopy(self._values)

    def adopt(self, values: Mapping[str, Any]) -> int:
        """Take over an export: known roots only, and of the right shape."""
        for root, value in values.items():
            if root not in self._values or type(value) is not type(self._values[root]):
                return ReturnCode.PARSE_ERROR
        for root, value in values.items():
            self._values[root] = copy.deepcopy(value)
            self._changed(root)
        return ReturnCode.OK


def _path(name: str) -> list[str | int]:
    """``A.B.[0].C`` as parts; ``A.B[0].C`` is the same.

    Raises:
        KeyError: no name at all.
    """
    parts: list[str | int] = [int(match[1]) if match[1] else match[2] for match in _PART.finditer(name[:256])]
    if not parts or len(parts) > _MAX_PARTS:
        raise KeyError(name)
    return parts


def _step(value: Any, part: str | int) -> Any:
    if isinstance(part, int):
        return value[part] if isinstance(value, list) and part < len(value) else _MISSING
    return value.get(part, _MISSING) if isinstance(value, dict) else _MISSING


def _merged(old: Any, new: Any) -> Any:
    """``new`` over ``old``: objects key by key, lists of the same length element by element."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: _merged(old.get(key), value) for key, value in new.items()}}
    lists = isinstance(old, list) and isinstance(new, list) and len(old) == len(new)
    if lists and all(isinstance(each, dict) for each in (*old, *new)):
        return [_merged(before, after) for before, after in zip(old, new, strict=True)]
    return new
