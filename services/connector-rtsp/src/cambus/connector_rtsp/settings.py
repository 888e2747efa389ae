"""What the RTSP connector can be told from outside, beside what every connector can."""

from typing import Annotated

from pydantic import Field

from cambus.connector.settings import ConnectorSettings


class RtspSettings(ConnectorSettings):
    """The settings of the RTSP connector. What concerns one device is an option of its record."""

    rtsp_connect_timeout_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=5.0, description="Seconds a connection to a device may take."
    )
    rtsp_request_timeout_s: Annotated[float, Field(gt=0, le=60)] = Field(
        default=10.0, description="Seconds a device may take to answer a request."
    )
    rtsp_checks: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=32, description="Streams that are looked at at a time, to see whether devices are there."
    )
    rtsp_decoders: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="Snapshots decoded at a time."
    )
