"""Runs upgrade-manager."""

import sys

from cambus.bus.runner import run_service
from cambus.upgrade_manager.service import UpgradeManager
from cambus.upgrade_manager.settings import UpgradeManagerSettings


def main() -> int:
    """The entry point of `cambus-upgrade-manager`; returns the exit code."""
    return run_service(UpgradeManager, UpgradeManagerSettings)


if __name__ == "__main__":
    sys.exit(main())
