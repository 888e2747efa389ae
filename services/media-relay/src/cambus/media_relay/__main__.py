"""Runs the media relay."""

import sys

from cambus.bus.runner import run_service
from cambus.media_relay.descriptors import raise_limit
from cambus.media_relay.service import MediaRelay
from cambus.media_relay.settings import RelaySettings


def main() -> int:
    """The entry point of `cambus-media-relay`; returns the exit code."""
    raise_limit()
    return run_service(MediaRelay, RelaySettings)


if __name__ == "__main__":
    sys.exit(main())
