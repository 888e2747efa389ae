"""A collector of spans: takes OTLP over HTTP, and keeps what came."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Receiver(BaseHTTPRequestHandler):
    """Takes one request."""

    server: "Collector"

    def do_POST(self) -> None:
        """Keep what is sent."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


class Collector(HTTPServer):
    """What has come so far: paths and requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.taken: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def url(self) -> str:
        """The endpoint to name in `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> list[tuple[str, Span]]:
        """Every span with the name of the service it is of."""
        return [
            (attribute.value.string_value, span)
            for _, request in [*self.taken]
            for each in request.resource_spans
            for attribute in each.resource.attributes
            if attribute.key == "service.name"
            for scope in each.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs in a thread of its own."""
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
