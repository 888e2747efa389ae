"""What the bus promises, in short: every command, event, stored value and model, without words.

A release keeps it as `proto-schemas/released/<version>.json`; `tools/compatibility.py` holds the code to it.
"""

import json
from pathlib import Path
from typing import Any

from cambus.schemas import assets, headers, subjects
from cambus.schemas.asyncapi import KEY_VALUES
from cambus.schemas.asyncapi_components import schemas
from cambus.schemas.catalog import DEVICE_COMMANDS, EVENTS, SERVICE_COMMANDS
from cambus.schemas.codec import JSON, MSGPACK
from cambus.schemas.errors import ErrorCode, ErrorReply
from cambus.schemas.transfer import OCTETS, TransferEnd, TransferReadRequest

ROOT = Path(__file__).resolve().parent.parent
RELEASED = ROOT / "proto-schemas/released"

Contract = dict[str, Any]

_WORDS = {"description", "examples", "title", "default"}
_DEVICE = "<device>"


def contract() -> Contract:
    """Return what the code promises."""
    commands = {**DEVICE_COMMANDS, **SERVICE_COMMANDS}
    return {
        "encodings": [MSGPACK, JSON, OCTETS],
        "headers": sorted(value for name, value in vars(headers).items() if name.isupper()),
        "errors": sorted(int(code) for code in ErrorCode),
        "assets": sorted(
            value for name, value in vars(assets).items() if name.isupper() and isinstance(value, str)
        ),
        "commands": {
            key: {
                "subject": spec.subject() if spec.service else _subject(spec.noun, spec.verb),
                "request": spec.request.__name__,
                "reply": spec.reply.__name__,
                "broadcast": spec.broadcast,
            }
            for key, spec in sorted(commands.items())
        },
        "events": {
            name: {
                "subject": spec.subject("device").replace(".device.", f".{_DEVICE}."),
                "model": spec.model.__name__,
            }
            for name, spec in sorted(EVENTS.items())
        },
        "values": {f"{bucket} {key}": model.__name__ for bucket, key, model in KEY_VALUES},
        "exchanges": {
            "error": {"reply": ErrorReply.__name__},
            "transfer": {"request": TransferReadRequest.__name__, "reply": TransferEnd.__name__},
        },
        "models": _wordless(schemas("{model}")),
    }


def _subject(noun: str, verb: str) -> str:
    return subjects.command_subject("device", noun, verb).replace(".device.", f".{_DEVICE}.", 1)


def _wordless(schema: Any) -> Any:
    """A schema without what is there for people; fields called so stay."""
    if isinstance(schema, list):
        return [_wordless(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: {name: _wordless(each) for name, each in value.items()}
        if key == "properties"
        else _wordless(value)
        for key, value in schema.items()
        if key not in _WORDS or isinstance(value, dict)
    }


def write(version: str, folder: Path = RELEASED) -> Path:
    """Keep what the code promises as that of a release; one line for each command, event and model."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{version}.json"
    parts = []
    for name, part in contract().items():
        if isinstance(part, dict):
            lines = ",\n".join(f"  {json.dumps(key)}: {_short(value)}" for key, value in part.items())
            parts.append(f" {json.dumps(name)}: {{\n{lines}\n }}")
        else:
            parts.append(f" {json.dumps(name)}: {_short(part)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    return path


def read(path: Path) -> Contract:
    """Read what a release promised."""
    promised: Contract = json.loads(path.read_text())
    return promised


def order(version: str) -> tuple[int, ...]:
    """Return a version as numbers, to be compared."""
    return tuple(int(part) for part in version.split("."))


def last_release(folder: Path = RELEASED) -> Path | None:
    """Return the file of the newest release; None if there was none yet."""
    return max(folder.glob("*.json"), key=lambda path: order(path.stem), default=None)


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
