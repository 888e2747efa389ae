"""The shape nearly all control bodies share: ``{"Name": N, N: value, "Ret": code}`` (DVRIP §7)."""

from collections.abc import Mapping
from typing import Any

from cambus.dvrip.values import parse_number


def named(name: str, value: Any = None) -> dict[str, Any]:
    """A body called ``name``, with ``value`` under that key unless it is None."""
    return {"Name": name} if value is None else {"Name": name, name: value}


def return_code(body: Mapping[str, Any]) -> int | None:
    """``Ret`` of a reply; None when it has none, which is legal (DVRIP §2.4)."""
    value = body.get("Ret")
    return None if value is None else parse_number(value, -1)


def value_of(body: Mapping[str, Any], name: str, *alternatives: str) -> Any:
    """What a reply says about ``name``: under that key, its last part (``Comm``), or an alternative."""
    for key in (name, name.rsplit(".", 1)[-1], *alternatives):
        if key in body:
            return body[key]
    return None
