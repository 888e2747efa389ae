"""Reading a message, or several, from a YAML or JSON file."""

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
    unknown = [str(name) for name in item if name not in model.model_fields]
    if unknown:
        raise UsageError(f"{where}: no field {', '.join(unknown)}; there are {', '.join(model.model_fields)}")
    try:
        return made(model, **item)
    except UsageError as error:
        raise UsageError(f"{where}: {error.text}") from None
