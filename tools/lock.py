"""Resolve `requirements.lock`: universal, hashed, names only - no download address is ever written.

Run it (`make lock`) after a dependency of any pyproject.toml changed. The suite's own packages are left out:
they are installed from the working tree.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
OPTIONS = ["--quiet", "--universal", "--generate-hashes", "--python-version", "3.11"]
OPTIONS += ["--group", "dev", "--group", "build", "--no-emit-index-url", "--no-emit-find-links"]


def suite_packages() -> list[str]:
    """Names of the distributions this repository builds, and of the workspace itself."""
    members = [*ROOT.glob("libs/*/pyproject.toml"), *ROOT.glob("services/*/pyproject.toml")]
    projects = [tomllib.loads(path.read_text()) for path in [ROOT / "pyproject.toml", *members]]
    return sorted(project["project"]["name"] for project in projects)


def main() -> int:
    """Compile the lock file with the `uv` of this environment; 0 when it holds package names only."""
    uv = Path(sys.executable).with_name("uv")
    command = [str(uv), "pip", "compile", *OPTIONS, "--output-file", str(LOCK)]
    command += ["--custom-compile-command", "make lock"]
    for name in suite_packages():
        command += ["--no-emit-package", name]
    completed = subprocess.run([*command, "pyproject.toml"], check=False, cwd=ROOT)
    if completed.returncode == 0 and "://" in LOCK.read_text():
        print("requirements.lock names a download address; it must hold package names only", file=sys.stderr)
        return 1
    return completed.returncode


if __name__ == "__main__":
    raise SystemExit(main())
