"""Reading a message, or several, from a YAML or JSON file."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from cambus.cli.failures import UsageError
from cambus.cli.requests import made
from cambus.cli.yaml_text import parse
from cambus.schemas.model import Message

MAX_BYTES: Final = 4 * 1024 * 1024

M = TypeVar("M", bound=Message)


def read_messages(path: Path, model: type[M], many: str) -> list[M]:
    """Return the messages of a file: one, a list of them, or a mapping with such a list under `many`.

    Raises:
        UsageError: it cannot be read, or one of them is not right; names the field.
    """
    document = _load(path)
    if isinstance(document, dict) and many in document:
        document = document[many]
    items = document if isinstance(document, list) else [document]
    return [_one(path, model, item, number, len(items)) for number, item in enumerate(items)]


def _load(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES} bytes")
        return parse(path.read_text(encoding="utf-8"))[1]
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise UsageError(f"{path} is no YAML: {error}") from None


def _one(path: Path, model: type[M], item: Any, number: int, total: int) -> M:
    where = f"{path}" if total == 1 else f"{path}, number {number + 1}"
    if not isinstance(item, dict):
        raise UsageError(f"{where}: wanted a mapping")
    _no_unknown(where, "", model.model_fields, item)
    try:
        message = made(model, **item)
    except UsageError as error:
        raise UsageError(f"{where}: {error.text}") from None
    for field, inner, told in _inside(message, item):
        _no_unknown(where, f"{field}: ", type(inner).model_fields, told)
    return message


def _no_unknown(where: str, field: str, known: Iterable[str], told: dict[str, Any]) -> None:
    """Raise UsageError for what would be left out unseen: a match without its condition covers everything."""
    unknown = [str(name) for name in told if name not in known]
    if unknown:
        raise UsageError(f"{where}: {field}no field {', '.join(unknown)}; there are {', '.join(known)}")


def _inside(value: object, told: object, field: str = "") -> Iterator[tuple[str, Message, dict[str, Any]]]:
    """The messages inside a message or a list, each with the field it stands in and what was said of it."""
    if isinstance(value, Message) and isinstance(told, dict):
        for name, below in told.items():
            yield from _one_inside(getattr(value, str(name), None), below, f"{field}.{name}".strip("."))
    elif isinstance(value, dict) and isinstance(told, dict):
        for name, below in told.items():
            yield from _one_inside(value.get(name), below, f"{field}.{name}")
    elif isinstance(value, list) and isinstance(told, list):
        for number, (each, below) in enumerate(zip(value, told, strict=False)):
            yield from _one_inside(each, below, f"{field}[{number}]")


def _one_inside(value: object, told: object, field: str) -> Iterator[tuple[str, Message, dict[str, Any]]]:
    if isinstance(value, Message) and isinstance(told, dict):
        yield field, value, told
    yield from _inside(value, told, field)
