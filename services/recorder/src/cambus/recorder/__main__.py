"""Runs the recorder; `reindex` and `verify` look after its files while it is stopped."""

import sys

from cambus.bus.runner import run_service
from cambus.recorder.maintenance import COMMANDS, maintain
from cambus.recorder.service import Recorder
from cambus.recorder.settings import RecorderSettings


def main() -> int:
    """The entry point of `cambus-recorder`; returns the exit code."""
    if len(sys.argv) > 1 and sys.argv[1] in COMMANDS:
        return maintain(sys.argv[1:])
    return run_service(Recorder, RecorderSettings)


if __name__ == "__main__":
    sys.exit(main())
