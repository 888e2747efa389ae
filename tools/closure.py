"""What one package of the suite is made of: the folders it is built from, and the part of the lock it needs.

An image installs that and nothing else. Everything is read from the pyproject files and from `requirements.lock`, whose
`# via` comments say who needs what; so this asks nobody, and runs on a bare Python where images are built.

    python tools/closure.py recorder --members        folders of the suite's packages, one a line
    python tools/closure.py recorder --requirements   the lock's entries for them, with hashes and markers
    python tools/closure.py recorder --command        the program the package is run by
    python tools/closure.py --build                   the lock's entries for what builds the packages
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD_BACKEND: Final = "uv-build"
EXTRAS: Final = ("tracing",)
"""Extras that every image has of the packages that offer them: asked for by a variable, not by building anew."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VIA: Final = re.compile(r"^\s+#\s+(?:via\s+)?([A-Za-z0-9][A-Za-z0-9._-]*)(?:\s+\(.*\))?$")


class UnknownPackageError(LookupError):
    """No package of the suite, or nothing in the lock, has that name."""


def normalized(requirement: str) -> str:
    """The name in a requirement, as packages are compared by (PyPA *name normalization*)."""
    match = _NAME.match(requirement.strip())
    if match is None:
        raise ValueError(f"{requirement!r}: wanted a requirement that begins with a name")
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@dataclass(frozen=True, slots=True)
class Member:
    """A package of the suite: its folder, relative to the root, and its `[project]` table."""

    folder: str
    project: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name, normalized."""
        return normalized(self.project["name"])

    @property
    def requires(self) -> list[str]:
        """Names of what it depends on in an image: for itself, and for the extras that images have."""
        offered = self.project.get("optional-dependencies", {})
        wanted = [
            *self.project.get("dependencies", ()),
            *(each for name in EXTRAS for each in offered.get(name, ())),
        ]
        return list(dict.fromkeys(map(normalized, wanted)))

    @property
    def commands(self) -> list[str]:
        """The programs it installs."""
        return list(self.project.get("scripts", ()))


@dataclass(frozen=True, slots=True)
class Locked:
    """One entry of the lock: its lines without comments, and the names of those that need it."""

    name: str
    text: str
    needed_by: frozenset[str]


def members(root: Path = ROOT) -> dict[str, Member]:
    """The packages of the suite by name."""
    found = {}
    for path in sorted([*root.glob("libs/*/pyproject.toml"), *root.glob("services/*/pyproject.toml")]):
        project = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
        member = Member(path.parent.relative_to(root).as_posix(), project)
        found[member.name] = member
    return found


def member_closure(name: str, suite: dict[str, Member]) -> list[Member]:
    """The package of a service (`recorder`) or lib (`cli`), and those of the suite it needs, sorted by folder.

    Raises:
        UnknownPackageError: there is none of that name.
    """
    root = f"cambus-{name}"
    if root not in suite:
        known = ", ".join(sorted(each.removeprefix("cambus-") for each in suite))
        raise UnknownPackageError(f"there is no package {name}; one of {known}")
    wanted, open_ = {root}, [root]
    while open_:
        new = {each for each in suite[open_.pop()].requires if each in suite} - wanted
        wanted |= new
        open_ += new
    return sorted((suite[each] for each in wanted), key=lambda member: member.folder)


def entries(lock: str) -> Iterator[Locked]:
    """The entries of a lock as `uv pip compile --generate-hashes` writes it; one name may have several, by marker."""
    lines: list[str] = []
    needed_by: set[str] = set()
    for line in [*lock.splitlines(), "end=="]:
        if line and not line[0].isspace() and not line.startswith("#"):
            if lines:
                yield Locked(normalized(lines[0]), "\n".join(lines) + "\n", frozenset(needed_by))
            lines, needed_by = [line], set()
        elif line.lstrip().startswith("#"):
            if lines and (match := _VIA.match(line)):
                needed_by.add(normalized(match[1]))
        elif line.strip():
            lines.append(line)


def locked_closure(roots: Iterable[str], lock: str) -> list[Locked]:
    """The entries of the lock that these names need, directly or not, in its order.

    Roots that are in the lock themselves are among them; the suite's own packages are not in it.
    """
    locked = list(entries(lock))
    wanted = {normalized(each) for each in roots}
    while True:
        new = {each.name for each in locked if each.needed_by & wanted} - wanted
        if not new:
            return [each for each in locked if each.name in wanted]
        wanted |= new


def locked_for(own: Iterable[Member], lock: str) -> list[Locked]:
    """The entries of the lock that these packages of the suite need in an image.

    What an extra takes is among the roots by its name: the lock says of it that development needs it.
    """
    return locked_closure([name for member in own for name in (member.name, *member.requires)], lock)


def main() -> int:
    """Print what is asked for; 2 for a name nobody has."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("package", nargs="?", help="a service, or a lib such as cli or simulators")
    what = parser.add_mutually_exclusive_group(required=True)
    for name in ("members", "requirements", "command", "build"):
        what.add_argument(f"--{name}", action="store_true")
    asked = parser.parse_args()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    if asked.build:
        print("".join(each.text for each in locked_closure([BUILD_BACKEND], lock)), end="")
        return 0
    try:
        closure = member_closure(asked.package or "", members())
    except UnknownPackageError as error:
        print(error, file=sys.stderr)
        return 2
    if asked.members:
        print("\n".join(each.folder for each in closure))
    elif asked.requirements:
        print("".join(each.text for each in locked_for(closure, lock)), end="")
    else:
        commands = next(each.commands for each in closure if each.name == f"cambus-{asked.package}")
        print(*commands[:1])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
