"""Runs alarm-router."""

import sys

from cambus.alarm_router.service import AlarmRouter
from cambus.alarm_router.settings import AlarmRouterSettings
from cambus.bus.runner import run_service


def main() -> int:
    """The entry point of `cambus-alarm-router`; returns the exit code."""
    return run_service(AlarmRouter, AlarmRouterSettings)


if __name__ == "__main__":
    sys.exit(main())
