"""Make a release: `make release` puts wheels, bills of materials and digests into `dist/<version>/`.

Everything follows from the commit: its time is that of every file, so that two builds are equal byte by byte. The
first release of a version also keeps what the bus promises (`proto-schemas/released/<version>.json`), to be committed.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import contract
import sbom
from suite_version import ROOT, packages, problems, suite_version

DIST = ROOT / "dist"
SUMS = "SHA256SUMS"
_OWN = re.compile(r'((?:^  |\[)"cambus-[a-z0-9-]+(?:\[[a-z0-9,-]+\])?)"', re.MULTILINE)
PROGRAMS = ("cli", "simulators")
"""Libs that have images of their own, as every service has."""


def commit(root: Path = ROOT) -> tuple[str, int]:
    """Return the commit and its time in Unix seconds; `SOURCE_DATE_EPOCH` counts where it is set."""
    said = subprocess.run(
        ["git", "log", "-1", "--format=%H %ct"], cwd=root, check=True, capture_output=True, text=True
    )
    revision, seconds = said.stdout.split()
    return revision, int(os.environ.get("SOURCE_DATE_EPOCH", seconds))


def changed(root: Path = ROOT) -> list[str]:
    """Return what is not committed."""
    said = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, check=True, capture_output=True, text=True
    )
    return said.stdout.splitlines()


def build_wheels(folders: Iterable[Path], target: Path, version: str, at_s: int) -> list[Path]:
    """Build the wheel of each package; it wants the other packages of the suite in this very version.

    Raises:
        subprocess.CalledProcessError: one cannot be built.
    """
    beside = str(Path(sys.executable).parent)  # where uv_build looks for its program, activated or not
    environment = os.environ | {
        "SOURCE_DATE_EPOCH": str(at_s),
        "PATH": os.pathsep.join([beside, os.environ.get("PATH", os.defpath)]),
    }
    command = [sys.executable, "-c", "import sys, uv_build; uv_build.build_wheel(sys.argv[1])", str(target)]
    for folder in folders:
        with tempfile.TemporaryDirectory() as copied:
            source = Path(copied, folder.name)
            shutil.copytree(folder, source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
            project = source / "pyproject.toml"
            project.write_text(_OWN.sub(rf'\1=={version}"', project.read_text()))
            subprocess.run(command, cwd=source, env=environment, check=True, stdout=subprocess.DEVNULL)
    return sorted(target.glob("*.whl"))


def images(root: Path = ROOT) -> list[str]:
    """Return what has an image: every service, and some libs."""
    return [*PROGRAMS, *sorted(folder.name for folder in packages(root) if folder.parent.name == "services")]


def write_bills(target: Path, version: str, revision: str, at_s: int) -> list[Path]:
    """Write the bill of materials of everything that has an image."""
    lock = (ROOT / "requirements.lock").read_text()
    paths = []
    for name in images():
        path = target / f"cambus-{name}-{version}.cdx.json"
        path.write_text(sbom.text(sbom.bill(name, version, lock, revision=revision, at_s=at_s)))
        paths.append(path)
    return paths


def write_sums(target: Path) -> Path:
    """Write the digest of every file, for `sha256sum --check`."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(target.iterdir())
        if path.name != SUMS
    ]
    (target / SUMS).write_text("".join(lines))
    return target / SUMS


def release(target: Path, version: str, revision: str, at_s: int) -> None:
    """Make everything but images, in a folder that is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    build_wheels(packages(), target, version, at_s)
    shutil.copy(ROOT / "requirements.lock", target / f"cambus-{version}-requirements.lock")
    write_bills(target, version, revision, at_s)
    shutil.copy(contract.RELEASED / f"{version}.json", target / f"cambus-{version}-contract.json")
    write_sums(target)


def is_tagged(version: str, root: Path = ROOT) -> bool:
    """Whether there is a tag of this version: it was released."""
    command = ["git", "tag", "--list", f"v{version}"]
    return bool(subprocess.run(command, cwd=root, check=True, capture_output=True).stdout.strip())


def keep_promises(version: str, *, released: bool) -> str | None:
    """Keep what the code promises as that of this version; returns why the release cannot go on, None if it can."""
    path = contract.RELEASED / f"{version}.json"
    if path.exists() and contract.read(path) == contract.contract():
        return None
    if released:
        return f"{path.name} is not what the code promises: {version} was released, this is another version"
    contract.write(version, contract.RELEASED)
    return f"{path.name} is new: what the bus promises from now on. Commit it, and run this again."


def main() -> int:
    """Make the release of what is checked out; 0 when it is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--allow-changes", action="store_true", help="release what is not committed, to try it"
    )
    allowed = parser.parse_args().allow_changes
    version = suite_version()
    told = keep_promises(version, released=is_tagged(version))
    if told is not None and not allowed:
        print(told, file=sys.stderr)
        return 1
    reasons = list(problems())
    if not allowed:
        reasons += [f"not committed: {line}" for line in changed()]
    if reasons:
        print(*reasons, sep="\n", file=sys.stderr)
        return 1
    revision, at_s = commit()
    target = DIST / version
    release(target, version, revision, at_s)
    print(f"{target.relative_to(ROOT)}: {len(list(target.iterdir()))} files of {revision[:12]}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
