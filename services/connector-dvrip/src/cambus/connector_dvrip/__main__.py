"""The process: `cambus-connector-dvrip`."""

import sys

from cambus.bus.runner import run_service
from cambus.connector_dvrip.service import DvripConnector
from cambus.connector_dvrip.settings import DvripSettings


def main() -> None:
    """Run the connector until it is told to stop."""
    sys.exit(run_service(DvripConnector, DvripSettings))


if __name__ == "__main__":
    main()
