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
    rtsp_publish_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="Port to which devices publish by RTSP (8564 by custom); unset: none is listened on.",
    )
    rtmp_publish_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="Port to which devices publish by RTMP (1935 by custom); unset: none is listened on.",
    )
    publish_host: str = Field(
        default="127.0.0.1", description="Address of those ports; one the devices can reach."
    )
    publish_udp: bool = Field(default=True, description="Take RTP over UDP as well, on ports 20000 to 59999.")
    publish_guests: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=256, description="Connections at a time that have not yet logged in."
    )
    publish_guests_per_address: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=32, description="Those of one address."
    )
    publish_streams: Annotated[int, Field(ge=1, le=65536)] = Field(
        default=1024, description="Streams published at a time; more are refused."
    )

    @property
    def takes_publishers(self) -> bool:
        """Whether devices may publish."""
        return self.rtsp_publish_port is not None or self.rtmp_publish_port is not None
