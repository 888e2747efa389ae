"""Write `proto-schemas/` from the catalog: AsyncAPI, JSON Schema and examples in both encodings.

`tools/schemas.py` writes the folder, `tools/schemas.py --check` writes nothing and fails if a file is
missing, stale or should not be there.
"""

import argparse
import difflib
import functools
import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from cambus.schemas import assets, asyncapi
from cambus.schemas.asyncapi_components import schemas
from cambus.schemas.catalog import DEVICE_COMMANDS, EVENTS, SERVICE_COMMANDS
from cambus.schemas.codec import JSON, MSGPACK, encode
from cambus.schemas.registry import example_of, models
from cambus.schemas.subjects import PREFIX

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "proto-schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
DIFF_LINES = 12
RELEASED = "released"
"""What earlier releases promised, written by `tools/contract.py`."""
HEX_BYTES_PER_LINE = 32


class _Yaml(yaml.SafeDumper):
    """YAML without anchors, long texts as blocks."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  # the signature is PyYAML's
        """Write everything out."""
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Yaml.add_representer(str, _text)


@functools.cache
def files() -> dict[str, str]:
    """Every file of the folder, by its path in it."""
    return {
        "README.md": readme(),
        "asyncapi.yaml": yaml.dump(
            asyncapi.build(version("cambus-schemas")),
            Dumper=_Yaml,
            sort_keys=False,
            allow_unicode=True,
            width=110,
        ),
        **dict(_json_schemas()),
        **dict(_examples()),
    }


def _json_schemas() -> Iterator[tuple[str, str]]:
    """One self-contained JSON Schema for each model."""
    definitions = schemas("#/$defs/{model}")
    for name in models():
        used = _used(name, definitions)
        schema = {"$schema": DIALECT, "$id": f"urn:cambus:v1:{name}", **definitions[name]}
        if used:
            schema["$defs"] = {each: definitions[each] for each in sorted(used)}
        yield f"jsonschema/{name}.json", _json(schema)


def _used(name: str, definitions: dict[str, Any]) -> set[str]:
    """The names a schema refers to, directly or through others."""
    found: set[str] = set()
    waiting = [definitions[name]]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            target = str(node.get("$ref", "")).removeprefix("#/$defs/")
            if target in definitions and target not in found:
                found.add(target)
                waiting.append(definitions[target])
        waiting += [child for child in _children(node) if isinstance(child, dict | list)]
    return found


def _children(node: Any) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else list(node)


def _examples() -> Iterator[tuple[str, str]]:
    """One example for each model, exactly as the codec writes it."""
    for name, model in models().items():
        message = example_of(model)
        yield f"examples/{name}.json", _json(json.loads(encode(message, JSON)))
        packed = encode(message, MSGPACK).hex()
        width = 2 * HEX_BYTES_PER_LINE
        lines = [packed[start : start + width] for start in range(0, len(packed), width)]
        yield f"examples/{name}.msgpack.hex", "\n".join(lines) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def readme() -> str:
    """The overview for people."""
    lines = [
        "# The bus contract of Cambus",
        "",
        "Generated from `libs/schemas` by `make schemas`; do not edit. `make check` fails when it is stale.",
        "",
        "* `asyncapi.yaml`: every command, event and stream as AsyncAPI 3.0.",
        "* `jsonschema/`: a JSON Schema (draft 2020-12) for every message and stored value.",
        "* `examples/`: one example of each, as JSON and as hex of its msgpack, exactly as Cambus writes it.",
        "",
        f"Bodies are msgpack (`Content-Type: {MSGPACK}`), or JSON (`{JSON}`,",
        "or no header and a body that starts with `{`); the answer comes in kind.",
        "Unknown fields are ignored, wrong types are refused, naming the field.",
        "",
        "## Commands to devices",
        "",
        f"Subject `{PREFIX}.cmd.<device>.<command>`, request/reply.",
        "",
        *_command_table(DEVICE_COMMANDS.values()),
        "",
        "## Commands to services",
        "",
        f"Subject `{PREFIX}.svc.<command>`, request/reply.",
        "",
        *_command_table(SERVICE_COMMANDS.values()),
        "",
        "## Events",
        "",
        f"Subject `{PREFIX}.evt.<device>.<event>`, kept in the stream `{assets.STREAM_EVENTS}`.",
        "",
        "| event | model | meaning |",
        "|---|---|---|",
        *(f"| `{spec.name}` | {_link(spec.model)} | {spec.summary} |" for spec in EVENTS.values()),
        "",
        "## Stored values",
        "",
        "| bucket | key | model |",
        "|---|---|---|",
        *(f"| `{bucket}` | `{key}` | {_link(model)} |" for bucket, key, model in asyncapi.KEY_VALUES),
    ]
    return "\n".join(lines) + "\n"


def _link(model: type) -> str:
    return f"[{model.__name__}](jsonschema/{model.__name__}.json)"


def _command_table(commands: Any) -> list[str]:
    def marks(spec: Any) -> str:
        named = {"confirm": spec.confirm, "every replica": spec.broadcast, "repeatable": spec.idempotent}
        return ", ".join(name for name, is_set in named.items() if is_set)

    rows = [
        f"| `{spec.key}` | {_link(spec.request)} | {_link(spec.reply)} | "
        f"{spec.timeout_s:g} s | {marks(spec)} | {spec.summary} |"
        for spec in commands
    ]
    return ["| command | request | reply | time-out | | meaning |", "|---|---|---|---|---|---|", *rows]


def write(target: Path) -> None:
    """Make the folder what it should be."""
    wanted = files()
    for path in _existing(target) - set(wanted):
        (target / path).unlink()
    for path, text in wanted.items():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        (target / path).write_text(text, encoding="utf-8", newline="\n")
    print(f"{target.name}: {len(wanted)} files, {len(models())} models")


def stale(target: Path) -> list[str]:
    """What is wrong with the folder, one line or a short diff for each file; nothing if it is up to date."""
    wanted = files()
    problems = [f"{path}: should not be there" for path in sorted(_existing(target) - set(wanted))]
    for path, text in wanted.items():
        file = target / path
        if not file.is_file():
            problems.append(f"{path}: missing")
        elif (found := file.read_text(encoding="utf-8")) != text:
            diff = difflib.unified_diff(
                found.splitlines(), text.splitlines(), path, "generated", lineterm="", n=1
            )
            shown = list(diff)
            more = [f"… {len(shown) - DIFF_LINES} more lines"] if len(shown) > DIFF_LINES else []
            problems.append("\n".join([f"{path}: stale", *shown[:DIFF_LINES], *more]))
    return problems


def _existing(target: Path) -> set[str]:
    """The files there are; those of earlier releases are kept as they are."""
    found = {path.relative_to(target) for path in target.rglob("*") if path.is_file()}
    return {path.as_posix() for path in found if path.parts[0] != RELEASED}


def main() -> int:
    """Write or check; 0 when the folder is what it should be."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing, fail if anything is stale")
    parser.add_argument("--target", type=Path, default=TARGET, help="the folder, by default proto-schemas/")
    arguments = parser.parse_args()
    if not arguments.check:
        write(arguments.target)
        return 0
    problems = stale(arguments.target)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        print(
            f"{len(problems)} files of {arguments.target.name} are not up to date: make schemas",
            file=sys.stderr,
        )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
