"""Status codes of RTSP 1.0 that this server uses (RFC 2326 §7.1.1)."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """A status code; `reason` is the phrase of RFC 2326 §7.1.1."""

    OK = 200
    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    REQUEST_TOO_LARGE = 413
    UNSUPPORTED_MEDIA_TYPE = 415
    PARAMETER_NOT_UNDERSTOOD = 451
    NOT_ENOUGH_BANDWIDTH = 453
    SESSION_NOT_FOUND = 454
    METHOD_NOT_VALID = 455
    INVALID_RANGE = 457
    AGGREGATE_NOT_ALLOWED = 459
    ONLY_AGGREGATE_ALLOWED = 460
    UNSUPPORTED_TRANSPORT = 461
    INTERNAL_ERROR = 500
    NOT_IMPLEMENTED = 501
    SERVICE_UNAVAILABLE = 503
    GATEWAY_TIMEOUT = 504
    VERSION_NOT_SUPPORTED = 505
    OPTION_NOT_SUPPORTED = 551

    @property
    def reason(self) -> str:
        """The reason phrase of the status line."""
        return _REASONS[self]


_REASONS: dict[Status, str] = {
    Status.OK: "OK",
    Status.BAD_REQUEST: "Bad Request",
    Status.UNAUTHORIZED: "Unauthorized",
    Status.FORBIDDEN: "Forbidden",
    Status.NOT_FOUND: "Not Found",
    Status.METHOD_NOT_ALLOWED: "Method Not Allowed",
    Status.NOT_ACCEPTABLE: "Not Acceptable",
    Status.REQUEST_TOO_LARGE: "Request Entity Too Large",
    Status.UNSUPPORTED_MEDIA_TYPE: "Unsupported Media Type",
    Status.PARAMETER_NOT_UNDERSTOOD: "Parameter Not Understood",
    Status.NOT_ENOUGH_BANDWIDTH: "Not Enough Bandwidth",
    Status.SESSION_NOT_FOUND: "Session Not Found",
    Status.METHOD_NOT_VALID: "Method Not Valid in This State",
    Status.INVALID_RANGE: "Invalid Range",
    Status.AGGREGATE_NOT_ALLOWED: "Aggregate Operation Not Allowed",
    Status.ONLY_AGGREGATE_ALLOWED: "Only Aggregate Operation Allowed",
    Status.UNSUPPORTED_TRANSPORT: "Unsupported Transport",
    Status.INTERNAL_ERROR: "Internal Server Error",
    Status.NOT_IMPLEMENTED: "Not Implemented",
    Status.SERVICE_UNAVAILABLE: "Service Unavailable",
    Status.GATEWAY_TIMEOUT: "Gateway Time-out",
    Status.VERSION_NOT_SUPPORTED: "RTSP Version Not Supported",
    Status.OPTION_NOT_SUPPORTED: "Option Not Supported",
}
