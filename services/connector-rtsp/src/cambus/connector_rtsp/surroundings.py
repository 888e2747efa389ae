"""What all RTSP devices of one connector share."""

import asyncio
from dataclasses import dataclass

from cambus.connector_rtsp.metrics import RtspMetrics
from cambus.connector_rtsp.settings import RtspSettings


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared parts.

    Attributes:
        settings: of the connector.
        metrics: counts.
        looking: how many streams are looked at at a time.
        decoding: how many pictures are decoded at a time.
    """

    settings: RtspSettings
    metrics: RtspMetrics
    looking: asyncio.Semaphore
    decoding: asyncio.Semaphore
