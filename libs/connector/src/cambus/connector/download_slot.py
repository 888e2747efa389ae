"""One download at a time: two of them restart small recorders."""

from cambus.schemas.errors import Conflict


class DownloadSlot:
    """Who has the device send as fast as its disk allows, if anybody does."""

    def __init__(self) -> None:
        self.holder: str | None = None

    def take(self, holder: str, what: str) -> None:
        """Take the slot, or keep it.

        Raises:
            Conflict: somebody else has it.
        """
        if self.holder not in {None, holder}:
            raise Conflict(
                f"{what} has to wait: the device is sending another download, or a playback faster than it was",
                reason="download-under-way",
            )
        self.holder = holder

    def release(self, holder: str) -> None:
        """Give it back; nothing if somebody else has it."""
        if self.holder == holder:
            self.holder = None
