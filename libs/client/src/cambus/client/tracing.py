"""Switches tracing on, as OpenTelemetry's own environment variables say; without them nothing of it is imported.

`OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) says where spans go, by OTLP over HTTP. All other variables of
OpenTelemetry count as well: sampling, headers, certificates, the name of the service.
"""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cambus.client.otlp import Export

logger = logging.getLogger(__name__)

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether the environment asks for tracing."""
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    none = environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "none"
    return any(environ.get(name) for name in ENDPOINTS) and not off and not none


def enable(service: str, *, instance: str = "", version: str = "") -> "Export | None":
    """Trace from now on, if the environment asks for it.

    Args:
        service: the name in traces, unless `OTEL_SERVICE_NAME` says another.
        instance: which of its replicas this is.
        version: its version.

    Returns:
        What to close at the end, which sends what is left; None: tracing is off.
    """
    if not wanted(os.environ):
        return None
    try:
        from cambus.client.otlp import export_spans  # noqa: PLC0415 - not paid for where tracing is off
    except ImportError as error:
        logger.warning(
            "tracing is asked for and not installed: pip install 'cambus-client[tracing]'",
            extra={"missing": error.name},
        )
        return None
    return export_spans(service, instance, version)
