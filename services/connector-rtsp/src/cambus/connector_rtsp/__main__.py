"""The process: `cambus-connector-rtsp`."""

import sys

from cambus.bus.runner import run_service
from cambus.connector_rtsp.service import RtspConnector
from cambus.connector_rtsp.settings import RtspSettings


def main() -> None:
    """Run the connector until it is told to stop."""
    sys.exit(run_service(RtspConnector, RtspSettings))


if __name__ == "__main__":
    main()
