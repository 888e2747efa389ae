"""Every timeout of the client (DVRIP §6), seconds; an expired one is named in its `RequestTimeout`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the client waits for what.

    Attributes:
        connect: TCP connection.
        login: reply to the login.
        request: reply to an ordinary request.
        config_root: a whole configuration root, or another long answer.
        search: one page of files or log.
        config_import: import of a configuration, restoring defaults, partitioning a disk.
        format: formatting a disk.
        upgrade_ack: acknowledgement of one piece of firmware.
        upgrade_progress: silence between progress reports.
        first_media: first media packet after Start.
        media_silence: gap in running media; ends a stream, or a transfer without an end mark.
        keepalive: reply to one keepalive; two misses in a row are a lost connection.
        fragment: missing parts of a message.
        snapshot: any answer to a snapshot request.
        release: how long the device may take to close a data socket after Stop.
    """

    connect: float = 5.0
    login: float = 10.0
    request: float = 10.0
    config_root: float = 30.0
    search: float = 30.0
    config_import: float = 60.0
    format: float = 120.0
    upgrade_ack: float = 30.0
    upgrade_progress: float = 120.0
    first_media: float = 10.0
    media_silence: float = 15.0
    keepalive: float = 10.0
    fragment: float = 10.0
    snapshot: float = 5.0
    release: float = 2.0

    def of(self, name: str) -> float:
        """The timeout called ``name``.

        Raises:
            AttributeError: there is none.
        """
        value: float = getattr(self, name)
        return value
