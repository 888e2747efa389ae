"""Write the typed commands of `cambus.client` from the catalog: a class for each noun, a method for each command.

`tools/client_stubs.py` writes `generated/` of `libs/client`, `tools/client_stubs.py --check` writes nothing
and fails if a file is missing, stale or should not be there.
"""

import argparse
import enum
import importlib
import keyword
import pkgutil
import subprocess
import sys
import tempfile
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cambus.schemas import commands
from cambus.schemas.catalog import DEVICE_COMMANDS, SERVICE_COMMANDS
from cambus.schemas.spec import CommandSpec

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "libs/client/src/cambus/client/generated"
WIDTH = 104
COMMANDS = "cambus.schemas.commands"
HERE = "cambus.client.generated"
ITSELF = "device"
"""The noun whose commands are methods of the device itself: `gate.reboot(…)`."""

Spec = CommandSpec[Any, Any]


class Imports:
    """What one generated file imports, as its types are written down."""

    def __init__(self) -> None:
        self._names: dict[str, set[str]] = defaultdict(set)

    def lines(self) -> Iterator[str]:
        """The import statements; ruff sorts them."""
        for module, names in sorted(self._names.items()):
            yield f"from {module} import {', '.join(sorted(names))}"

    def use(self, module: str, name: str) -> str:
        """Return how a thing of a module is written; a module of commands keeps its name in front."""
        if not module.startswith(f"{COMMANDS}."):
            self._names[module].add(name)
            return name
        last = module.rpartition(".")[2]
        self._names[COMMANDS].add(f"{last} as {last}_commands")
        return f"{last}_commands.{name}"

    def type(self, annotation: Any) -> str:
        """Return an annotation as source text, without the constraints: the model checks these."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self.type(arguments[0])
        if origin in {Union, UnionType}:
            return " | ".join(self.type(each) for each in arguments)
        if origin is Literal:
            self._names["typing"].add("Literal")
            return f"Literal[{', '.join(map(repr, arguments))}]"
        if origin is not None:
            return f"{origin.__name__}[{', '.join(self.type(each) for each in arguments)}]"
        return self._plain(annotation)

    def _plain(self, annotation: Any) -> str:
        """Return a class, or a named alias, as source text."""
        if annotation in {None, NoneType}:
            return "None"
        if annotation.__module__ == "builtins":
            return str(annotation.__name__)
        public = "pydantic" if annotation.__module__.startswith("pydantic.") else annotation.__module__
        return self.use(public if public != "typing_extensions" else "pydantic", annotation.__name__)

    def default(self, field: FieldInfo, written: str) -> tuple[str, str]:
        """Return the type and the default of a parameter for an optional field."""
        value = field.default
        if field.default_factory is None and isinstance(value, enum.Enum):
            return written, f"{self.use(type(value).__module__, type(value).__name__)}.{value.name}"
        if field.default_factory is None and isinstance(value, str | int | float | bool | NoneType):
            return written, repr(value)
        self._names["cambus.client.namespace"].update({"UNSET", "Unset"})
        return f"{written} | Unset", "UNSET"


def constants() -> dict[str, tuple[str, str]]:
    """Where each command is declared: module and constant, by the key of the command."""
    found: dict[str, tuple[str, str]] = {}
    for module in pkgutil.iter_modules(commands.__path__, f"{COMMANDS}."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, CommandSpec) and name.isupper():
                found.setdefault(value.key, (module.name, name))
    return found


def identifier(name: str) -> str:
    """Return a dotted name as a name of Python."""
    text = name.replace(".", "_").replace("-", "_")
    return f"{text}_" if keyword.iskeyword(text) or text == list.__name__ else text


def class_name(name: str) -> str:
    """Return the class of the commands about a noun."""
    return f"{_title(name)}Commands"


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in identifier(name).split("_"))


def method(spec: Spec, name: str, where: tuple[str, str], imports: Imports) -> str:
    """Return the method of one command."""
    parameters, arguments, told = [], [], []
    for field_name, field in spec.request.model_fields.items():
        written = imports.type(field.annotation)
        default = ""
        if not field.is_required():
            written, text = imports.default(field, written)
            default = f" = {text}"
        parameters.append(f"{field_name}: {written}{default}")
        arguments.append(f"{field_name}={field_name}")
        told.append((field_name, field.description or ""))
    told.append(("within_s", "How long to wait, in seconds; None: as the catalog says."))
    signature = ", ".join(["self", "*", *parameters, "within_s: float | None = None"])
    reply = imports.type(spec.reply)
    returns, call = (f"list[{reply}]", "_call_all") if spec.broadcast else (reply, "_call")
    handed = ", ".join([imports.use(*where), "within_s", *arguments])
    return "\n".join(
        [
            f"    async def {name}({signature}) -> {returns}:",
            *docstring(spec, told),
            f"        return await self.{call}({handed})",
        ]
    )


def docstring(spec: Spec, told: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield the lines of a method's documentation."""
    yield from textwrap.wrap(
        f'"""{spec.summary}', WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False
    )
    yield ""
    yield f"        The command `{spec.key}`."
    if spec.broadcast:
        yield "        Every replica is asked; those that refuse are left out, unless all do."
    yield ""
    yield "        Args:"
    for name, text in told:
        yield from textwrap.wrap(
            f"{name}: {text}",
            WIDTH,
            initial_indent=" " * 12,
            subsequent_indent=" " * 16,
            break_on_hyphens=False,
        )
    yield '        """'


def module(title: str, name: str, specs: Iterable[tuple[str, Spec]]) -> str:
    """Return the file of one class of commands."""
    imports, declared = Imports(), constants()
    base = imports.use("cambus.client.namespace", "Commands")
    methods = [method(spec, identifier(verb), declared[spec.key], imports) for verb, spec in specs]
    return "\n".join(
        [
            f'"""{title}. Generated from the catalog by `make schemas`; not edited by hand."""',
            *imports.lines(),
            f"class {name}({base}):",
            f'    """{title}."""',
            *methods,
            "",
        ]
    )


def files() -> dict[str, str]:
    """Every file of the folder, by its name, not formatted yet."""
    nouns: dict[str, list[tuple[str, Spec]]] = defaultdict(list)
    services: dict[str, dict[str, list[tuple[str, Spec]]]] = defaultdict(lambda: defaultdict(list))
    for spec in DEVICE_COMMANDS.values():
        nouns[spec.noun].append((spec.verb, spec))
    for spec in SERVICE_COMMANDS.values():
        services[str(spec.service)][spec.noun].append((spec.verb, spec))
    made = {
        "__init__.py": '"""Commands, typed: generated from the catalog by `make schemas`; not edited by hand."""\n'
    }
    for noun, specs in sorted(nouns.items()):
        title = (
            f"Commands to a device about {noun}" if noun != ITSELF else "Commands to a device about itself"
        )
        made[f"device_{identifier(noun)}.py"] = module(title, class_name(noun), specs)
    for service, parts in services.items():
        for noun, specs in parts.items():
            name = f"{service}.{noun}"
            made[f"{identifier(name)}.py"] = module(
                f"Commands to {service} about {noun}", class_name(name), specs
            )
    made["device.py"] = _device(noun for noun in nouns if noun != ITSELF)
    made["services.py"] = _services(services)
    return made


def _device(nouns: Iterable[str]) -> str:
    """The class with everything a device can be told."""
    nouns = sorted(nouns)
    own = class_name(ITSELF)
    imported = [
        f"from {HERE}.device_{identifier(noun)} import {class_name(noun)}" for noun in (*nouns, ITSELF)
    ]
    made = [f"        self.{identifier(noun)} = {class_name(noun)}(client, device)" for noun in nouns]
    listed = [f"        {identifier(noun)}: commands about {noun}." for noun in nouns]
    return "\n".join(
        [
            '"""One device. Generated from the catalog by `make schemas`; not edited by hand."""',
            *imported,
            "from cambus.client.calling import BusClient",
            f"class Device({own}):",
            '    """A device and its commands.',
            "",
            "    Attributes:",
            *listed,
            '    """',
            "",
            "    def __init__(self, client: BusClient, device: str) -> None:",
            "        super().__init__(client, device)",
            *made,
            "",
        ]
    )


def _services(services: Mapping[str, Iterable[str]]) -> str:
    """The class with every service, and one for each of them."""
    lines = ['"""The services. Generated from the catalog by `make schemas`; not edited by hand."""']
    lines.append("from cambus.client.calling import BusClient")
    for service, nouns in sorted(services.items()):
        names = sorted(f"{service}.{noun}" for noun in nouns)
        lines += [f"from {HERE}.{identifier(name)} import {class_name(name)}" for name in names]
    for service, nouns in sorted(services.items()):
        parts = [
            (identifier(noun), f"{class_name(f'{service}.{noun}')}(client)", f"commands about {noun}")
            for noun in sorted(nouns)
        ]
        lines += _holder(_title(service), f"Commands to {service}", parts)
    parts = [
        (identifier(service), f"{_title(service)}(client)", f"commands to {service}")
        for service in sorted(services)
    ]
    return "\n".join([*lines, *_holder("Services", "The services and their commands", parts), ""])


def _holder(name: str, title: str, parts: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yield the lines of a class that only has attributes: name, value and meaning of each."""
    yield f"class {name}:"
    yield f'    """{title}.'
    yield ""
    yield "    Attributes:"
    yield from (f"        {attribute}: {meaning}." for attribute, _, meaning in parts)
    yield '    """'
    yield ""
    yield "    def __init__(self, client: BusClient) -> None:"
    yield from (f"        self.{attribute} = {value}" for attribute, value, _ in parts)


def formatted(made: dict[str, str]) -> dict[str, str]:
    """Return the files as ruff formats them."""
    ruff = Path(sys.executable).with_name("ruff")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in made.items():
            Path(folder, name).write_text(text)
        config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache", "--quiet", folder]
        subprocess.run([str(ruff), "check", "--select", "I", "--fix", *config], check=True, cwd=ROOT)
        subprocess.run([str(ruff), "format", *config], check=True, cwd=ROOT)
        return {name: Path(folder, name).read_text() for name in made}


def main() -> int:
    """Write or check the folder; 0 when it is as the catalog wants it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if something is stale")
    check = parser.parse_args().check
    wanted = formatted(files())
    present = {path.name: path.read_text() for path in TARGET.glob("*.py")} if TARGET.is_dir() else {}
    if not check:
        TARGET.mkdir(parents=True, exist_ok=True)
        for name in present.keys() - wanted.keys():
            (TARGET / name).unlink()
        for name, text in wanted.items():
            if present.get(name) != text:
                (TARGET / name).write_text(text)
        return 0
    stale = sorted(name for name in present.keys() | wanted.keys() if present.get(name) != wanted.get(name))
    for name in stale:
        print(
            f"{TARGET.relative_to(ROOT)}/{name} is not what the catalog says; run `make schemas`",
            file=sys.stderr,
        )
    return 1 if stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
