"""The one version of the whole suite: the root's `pyproject.toml` says it, and every package repeats it.

`tools/suite_version.py` prints it, `--check` fails if a package or the CHANGELOG says something else,
`tools/suite_version.py 1.2.0` sets it everywhere and begins a section of the CHANGELOG and of the upgrade notes.
"""

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VERSION = re.compile(r'^version = "([^"]*)"$', re.MULTILINE)
WANTED = re.compile(r"\d+\.\d+\.\d+")
HEADING = re.compile(r"^## \[?(\d+\.\d+\.\d+)", re.MULTILINE)
UNRELEASED = re.compile(r"^## \[?Unreleased\]?$", re.MULTILINE)
DATED = ("CHANGELOG.md", "docs/operations/upgrading.md")
"""Documents with a section for each release, and one for what is not released."""


def suite_version(root: Path = ROOT) -> str:
    """Return the version of the suite."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version


def packages(root: Path = ROOT) -> list[Path]:
    """Return the folder of every package, sorted."""
    return sorted(
        path.parent for part in ("libs", "services") for path in root.glob(f"{part}/*/pyproject.toml")
    )


def problems(root: Path = ROOT) -> Iterator[str]:
    """Yield what does not say the version of the suite, or says a later one."""
    wanted = suite_version(root)
    for folder in packages(root):
        said = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"]
        if said != wanted:
            yield f"{folder.relative_to(root)}/pyproject.toml: version {said}, the suite's is {wanted}"
    for name in DATED:
        text = (root / name).read_text()
        if not UNRELEASED.search(text):
            yield f"{name}: no section for what is not released"
        released = HEADING.search(text)
        if released and released[1] != wanted:
            yield f"{name}: the newest release is {released[1]}, the suite's version {wanted}"


def bump(version: str, day: str, root: Path = ROOT) -> None:
    """Set the version everywhere, and give what was not released yet its name.

    Raises:
        ValueError: the version is none.
    """
    if not WANTED.fullmatch(version):
        raise ValueError(f"{version}: wanted MAJOR.MINOR.PATCH")
    for path in (root / "pyproject.toml", *(folder / "pyproject.toml" for folder in packages(root))):
        path.write_text(VERSION.sub(f'version = "{version}"', path.read_text(), count=1))
    for name in DATED:
        path = root / name
        text = path.read_text()
        head = UNRELEASED.search(text)
        if head is None:
            raise ValueError(f"{name}: no section for what is not released")
        title = f"## [{version}] - {day}" if "[" in head[0] else f"## {version}"
        path.write_text(f"{text[: head.end()]}\n\n{title}{text[head.end() :]}")


def main() -> int:
    """Print, check or set the version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", nargs="?", help="the new version, MAJOR.MINOR.PATCH")
    parser.add_argument("--day", help="the day of the release, YYYY-MM-DD")
    parser.add_argument("--check", action="store_true", help="fail if something says another version")
    arguments = parser.parse_args()
    if arguments.version:
        if not arguments.day:
            parser.error("a release has a --day")
        bump(arguments.version, arguments.day)
    found = list(problems()) if arguments.check or arguments.version else []
    for problem in found:
        print(problem, file=sys.stderr)
    if not arguments.check:
        print(suite_version())
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
