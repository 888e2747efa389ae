"""The process: `cambus-connector-gb28181`."""

import sys

from cambus.bus.runner import run_service
from cambus.connector_gb28181.service import Gb28181Connector
from cambus.connector_gb28181.settings import Gb28181Settings


def main() -> None:
    """Run the connector until it is told to stop."""
    sys.exit(run_service(Gb28181Connector, Gb28181Settings))


if __name__ == "__main__":
    main()
