"""Reading `devices.yaml`: every problem with its line, and nothing returned unless all of it is right.

The file is one mapping with the key `devices`, a list of entries; `DeviceEntry` documents an entry's keys. A
password may stand in the file or, better, in a file of its own (`password_file`, relative to `devices.yaml`). The
file `-` is standard input, where files of this machine are not at hand, as in a container.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from cambus.cli.mistakes import reason_of
from cambus.cli.yaml_text import parse
from cambus.schemas.ids import DeviceId
from cambus.schemas.matching import Tag
from cambus.schemas.model import JsonObject

STANDARD_INPUT: Final = Path("-")
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_PASSWORD_BYTES = 1024
MAX_PROBLEMS_SHOWN = 20

Location = tuple[str | int, ...]
WITHOUT_USER: Final = frozenset({"gb28181"})
"""Protocols whose devices log in with a code of their own where no name was given."""
ShortText = Annotated[str, StringConstraints(max_length=256)]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: line (from 1; 0 is the file as such), where in the document, and why."""

    line: int
    where: str
    reason: str


class DevicesFileError(Exception):
    """The file is refused; `problems` says why, line by line."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.path = path
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = self.problems[:MAX_PROBLEMS_SHOWN]
        lines = [f"{self._place(each.line)}: {each.where}{each.reason}" for each in shown]
        if len(self.problems) > len(shown):
            lines.append(f"… and {len(self.problems) - len(shown)} more")
        return "\n".join(lines)

    def _place(self, line: int) -> str:
        return f"{self.path}:{line}" if line else str(self.path)


class CredentialsEntry(BaseModel):
    """How to log in at a device, or how it does with us; give `password` or `password_file`, not both."""

    model_config = ConfigDict(extra="forbid")

    username: ShortText = ""
    password: SecretStr | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _one_password(self) -> "CredentialsEntry":
        if (self.password is None) == (self.password_file is None):
            raise ValueError("give either password or password_file")
        return self


class DeviceEntry(BaseModel):
    """One device of the file."""

    model_config = ConfigDict(extra="forbid")

    id: DeviceId
    protocol: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
    address: ShortText | None = None
    name: ShortText | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=64)
    credentials: CredentialsEntry | None = None
    options: JsonObject = Field(default_factory=dict)
    enabled: bool = True

    @field_validator("address")
    @classmethod
    def _host_and_port(cls, value: str | None) -> str | None:
        if value is None:  # it dials us
            return None
        host, colon, port = value.rpartition(":")
        if colon and "]" not in port:  # a bare IPv6 address in brackets ends in "]"
            if not port.isdecimal() or not 0 < int(port) < 65536:
                raise ValueError(f"{port!r} is not a port (1 to 65535)")
        else:
            host = value
        if not host or any(character.isspace() or character in "/@?#" for character in host):
            raise ValueError("wanted HOST or HOST:PORT")
        return value

    @field_validator("credentials")
    @classmethod
    def _user_named(cls, value: CredentialsEntry | None, info: ValidationInfo) -> CredentialsEntry | None:
        if value is not None and not value.username and info.data.get("protocol") not in WITHOUT_USER:
            raise ValueError("username is missing")
        return value


_KEYS: Final = (*DeviceEntry.model_fields, *CredentialsEntry.model_fields)


def load_devices(path: Path) -> list[DeviceEntry]:
    """The devices of a file, passwords of `password_file` read in.

    Raises:
        DevicesFileError: The file cannot be read, is not YAML, or holds anything that is not right.
    """
    text = _read(path)
    try:
        root, document = parse(text)
        duplicates = list(_duplicate_keys(root)) if root is not None else []
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DevicesFileError(path, [Problem(line, "", f"not YAML: {error.problem}")]) from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DevicesFileError(path, [Problem(1, "", f"not YAML: {error}")]) from None
    if root is None or not isinstance(document, dict) or not isinstance(document.get("devices"), list):
        raise DevicesFileError(path, [Problem(1, "", "wanted a mapping with the key 'devices', a list")])
    problems = duplicates + [
        Problem(_line_of(root, (key,)), f"{key}: ", "unknown key") for key in document if key != "devices"
    ]
    entries: list[DeviceEntry] = []
    for index, item in enumerate(document["devices"]):
        try:
            entries.append(_with_password(DeviceEntry.model_validate(item), path.parent))
        except ValidationError as error:
            problems += [
                _problem(root, ("devices", index, *each["loc"]), reason_of(each, _KEYS))
                for each in error.errors()
            ]
        except _PasswordFileError as error:
            problems.append(_problem(root, ("devices", index, "credentials", "password_file"), str(error)))
    problems += _repeated_ids(root, document["devices"])
    if problems:
        raise DevicesFileError(path, problems)
    return entries


class _PasswordFileError(Exception):
    """A password file that cannot be used; says why."""


def _read(path: Path) -> str:
    too_large = DevicesFileError(path, [Problem(0, "", f"larger than {MAX_FILE_BYTES} bytes")])
    try:
        if path == STANDARD_INPUT:
            text = sys.stdin.read(MAX_FILE_BYTES + 1)
            if len(text) > MAX_FILE_BYTES:
                raise too_large
            return text
        if path.stat().st_size > MAX_FILE_BYTES:
            raise too_large
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise DevicesFileError(path, [Problem(0, "", f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise DevicesFileError(path, [Problem(0, "", f"not UTF-8 at byte {error.start}")]) from None


def _with_password(entry: DeviceEntry, folder: Path) -> DeviceEntry:
    credentials = entry.credentials
    if credentials is None or credentials.password_file is None:
        return entry
    file = folder / credentials.password_file
    try:
        content = file.read_bytes()[: MAX_PASSWORD_BYTES + 1]
        password = content.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise _PasswordFileError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _PasswordFileError(f"{file} is not UTF-8") from None
    if not password or len(content) > MAX_PASSWORD_BYTES:
        raise _PasswordFileError(f"{file} must hold 1 to {MAX_PASSWORD_BYTES} bytes")
    read = CredentialsEntry(username=credentials.username, password=SecretStr(password))
    return entry.model_copy(update={"credentials": read})


def _problem(root: yaml.Node, location: Location, reason: str) -> Problem:
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    return Problem(_line_of(root, location), f"{where}: ", reason)


def _line_of(node: yaml.Node, location: Location) -> int:
    """Line of the deepest node on the way to `location` that exists."""
    line = node.start_mark.line + 1
    for part in location:
        found = None
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, found = key.start_mark.line + 1, value
        if found is None:
            return line
        node = found
        if isinstance(part, int):
            line = node.start_mark.line + 1
    return line


def _duplicate_keys(node: yaml.Node) -> Iterator[Problem]:
    """Keys that stand twice in one mapping; YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key.value, str) and key.value in seen:
                yield Problem(line, f"{key.value}: ", f"stands twice, first in line {seen[key.value]}")
            elif isinstance(key.value, str):
                seen[key.value] = line
            yield from _duplicate_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _duplicate_keys(child)


def _repeated_ids(root: yaml.Node, items: list[Any]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        line = _line_of(root, ("devices", index, "id"))
        if name in first:
            yield Problem(line, f"devices[{index}].id: ", f"{name!r} is already in line {first[name]}")
        first.setdefault(name, line)
