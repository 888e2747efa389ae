"""Write the Grafana dashboards: `k8s/components/monitoring/dashboards/*.json`, from what `tools/grafana/` declares.

With `--check` nothing is written; the exit code is 1 if a file is not what it should be.
"""

import argparse
import json
import sys
from pathlib import Path

from grafana.connector import CONNECTOR
from grafana.events import EVENTS
from grafana.fleet import FLEET
from grafana.media import MEDIA
from grafana.model import Dashboard
from grafana.nats import NATS
from grafana.recorder import RECORDER

FOLDER = Path(__file__).resolve().parent.parent / "k8s" / "components" / "monitoring" / "dashboards"
DASHBOARDS = (FLEET, CONNECTOR, MEDIA, RECORDER, EVENTS, NATS)


def text_of(dashboard: Dashboard) -> str:
    """The file of a dashboard."""
    return json.dumps(dashboard.json(), indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a file differs")
    check = parser.parse_args(arguments).check
    wanted = {FOLDER / f"{each.name}.json": text_of(each) for each in DASHBOARDS}
    there = {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    if check:
        different = sorted(
            path.name for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path)
        )
        if different:
            print(f"dashboards that differ: {', '.join(different)}; run `make dashboards`")
        return bool(different)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in there.keys() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
