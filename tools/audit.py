"""Look up every locked dependency in the Python advisory database: `make audit`.

No package on the index carries advisories that are kept up to date, so this needs the network and is no part of `make
check`. pip-audit gets an environment of its own and reads `requirements.lock` as it stands; nothing of it is installed.

Exit codes: 0 nothing is known of any; 1 something is; 2 not all of them could be looked up.
"""

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
LOCK: Final = ROOT / "requirements.lock"
HOME: Final = ROOT / "var" / "audit"
VERSION: Final = "2.10.1"
KNOWN, NOT_ASKED = 1, 2


def pip_audit(home: Path) -> Path:
    """The program, installed if it is not there. Raises CalledProcessError: it cannot be had."""
    program = home / "bin" / "pip-audit"
    if not program.exists():
        venv.create(home, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pip-audit=={VERSION}"]
        subprocess.run([home / "bin" / "python", *install], check=True)
    return program


def asked(program: Path, lock: Path) -> list[dict[str, Any]] | None:
    """What is known of each dependency; None if the program could not even begin, for a reason that is printed."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    ran = subprocess.run(
        [program, *options, "-r", lock],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(*ran.stderr.strip().splitlines()[-1:], file=sys.stderr)
        return None
    return found


def main(home: Path = HOME, lock: Path = LOCK) -> int:
    """Ask, and tell. Returns the exit code."""
    try:
        answers = asked(pip_audit(home), lock)
    except (subprocess.CalledProcessError, OSError) as error:
        print(error, file=sys.stderr)
        answers = None
    if not answers or all("skip_reason" in each for each in answers):
        print(
            "audit: nobody could be asked: it needs an index with pip-audit, and pypi.org, which has the advisories"
        )
        return NOT_ASKED
    bad = [each for each in answers if each.get("vulns")]
    skipped = [each["name"] for each in answers if "skip_reason" in each]
    for each in bad:
        for known in each["vulns"]:
            fixed = ", ".join(known.get("fix_versions", [])) or "no version"
            print(f"{each['name']} {each['version']}: {known['id']}, mended in {fixed}")
    if skipped:
        print(f"not looked up: {', '.join(skipped)}")
    print(f"audit: {len(answers) - len(skipped)} dependencies looked up, something is known of {len(bad)}")
    return KNOWN if bad else NOT_ASKED if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
