"""Look up every locked dependency in the Python advisory database: `make audit`.

`--osv-url` (`make audit OSV_URL=https://…/v1/query`) asks another one that speaks as osv.dev does, such as a mirror.

No package on the index carries advisories that are kept up to date, so this needs the network and is no part of `make
check`. pip-audit gets an environment of its own and reads `requirements.lock` as it stands; nothing of it is installed.

Exit codes: 0 nothing is known of any; 1 something is; 2 not all of them could be looked up.
"""

import argparse
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
LONGEST_S: Final = 1800.0
"""For all dependencies; pip-audit gives up on one after 15 s and asks them one after the other."""


def pip_audit(home: Path) -> Path:
    """The program, installed if it is not there. Raises CalledProcessError: it cannot be had."""
    program = home / "bin" / "pip-audit"
    if not program.exists():
        venv.create(home, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"pip-audit=={VERSION}"]
        subprocess.run([home / "bin" / "python", *install], check=True)
    return program


def asked(program: Path, lock: Path, osv_url: str, longest_s: float) -> list[dict[str, Any]] | None:
    """What is known of each dependency; None if they could not be asked for, for a reason that is printed."""
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    options += ["--vulnerability-service", "osv", "--osv-url", osv_url] if osv_url else []
    try:
        ran = subprocess.run(
            [program, *options, "-r", lock],
            capture_output=True,
            text=True,
            check=False,
            timeout=longest_s,
        )
    except subprocess.TimeoutExpired:
        print(f"no answer to all of it within {longest_s:.0f} s", file=sys.stderr)
        return None
    try:
        found: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(*ran.stderr.strip().splitlines()[-1:], file=sys.stderr)
        return None
    return found


def main(home: Path = HOME, lock: Path = LOCK, osv_url: str = "", longest_s: float = LONGEST_S) -> int:
    """Ask, and tell. Returns the exit code."""
    try:
        answers = asked(pip_audit(home), lock, osv_url, longest_s)
    except (subprocess.CalledProcessError, OSError) as error:
        print(error, file=sys.stderr)
        answers = None
    if not answers or all("skip_reason" in each for each in answers):
        print(
            "audit: nobody could be asked: it needs an index with pip-audit, and "
            f"{osv_url or 'pypi.org'}, which has the advisories"
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--osv-url", default="", help="ask this database instead; it has to speak as osv.dev does"
    )
    sys.exit(main(osv_url=parser.parse_args().osv_url))
