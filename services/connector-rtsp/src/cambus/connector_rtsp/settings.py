"""What the RTSP connector can be told from outside, beside what every connector can."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from cambus.connector.settings import ConnectorSettings
from cambus.connector_rtsp.publish.tls import Certificate, CertificateError


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
    rtsps_publish_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None, description="The same by RTSP inside of TLS (322 by custom); needs a certificate."
    )
    rtmps_publish_port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None, description="The same by RTMP inside of TLS (443 by custom); needs a certificate."
    )
    publish_certificate_file: Path | None = Field(
        default=None,
        description="Certificate shown to publishers, with its chain, in PEM; read again when it has changed.",
    )
    publish_key_file: Path | None = Field(
        default=None,
        description="Its key in PEM, without a passphrase; unset: it is in the file of the certificate.",
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
        ports = (self.rtsp_publish_port, self.rtmp_publish_port)
        return self.takes_publishers_by_tls or any(port is not None for port in ports)

    @property
    def takes_publishers_by_tls(self) -> bool:
        """Whether they may inside of TLS."""
        return self.rtsps_publish_port is not None or self.rtmps_publish_port is not None

    def certificate(self) -> Certificate | None:
        """What is shown to publishers that come by TLS; None: nobody does. Raises CertificateError."""
        if not self.takes_publishers_by_tls or self.publish_certificate_file is None:
            return None
        return Certificate(self.publish_certificate_file, self.publish_key_file)

    def check_files(self) -> list[str]:
        """What is wrong with files, the certificate included."""
        problems = super().check_files()
        if problems:
            return problems
        try:
            self.certificate()
        except CertificateError as error:
            problems.append(f"publish_certificate_file: {error}")
        return problems

    @model_validator(mode="after")
    def _check_tls(self) -> Self:
        if self.takes_publishers_by_tls and self.publish_certificate_file is None:
            raise ValueError("rtsps_publish_port, rtmps_publish_port: need publish_certificate_file")
        if self.publish_key_file is not None and self.publish_certificate_file is None:
            raise ValueError("publish_key_file: needs publish_certificate_file")
        return self
