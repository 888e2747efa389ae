"""The viewers of one output: those who have taken everything so far, and those who have not.

Nothing in the relay is done as often as sending a picture to a viewer, so whoever keeps up is no more than a function
to be called: neither is his object touched nor his account kept, which is the same for all of them.
"""

from collections.abc import Callable

from cambus.media_relay.viewer import Viewer

Send = Callable[[bytes], int]


class Audience:
    """Viewers in order of arrival.

    Attributes:
        sent_bytes: what everybody who kept up all the time has been sent.
        order: all of them, in order of arrival.
    """

    def __init__(self) -> None:
        self.sent_bytes = 0
        self.order: tuple[Viewer, ...] = ()
        self._viewers: dict[Viewer, None] = {}
        self._keeping_up: dict[Send, Viewer] = {}
        self._sends: tuple[Send, ...] | None = None
        self._behind: dict[Viewer, None] = {}

    def add(self, viewer: Viewer) -> None:
        """One viewer more, from what comes next on."""
        self._viewers[viewer] = None
        self.order = tuple(self._viewers)
        viewer.follow(self)
        self.moved(viewer)

    def remove(self, viewer: Viewer) -> None:
        """Send a viewer no more, if he is here."""
        if viewer not in self._viewers:
            return
        del self._viewers[viewer]
        self.order = tuple(self._viewers)
        viewer.follow(None)
        self._behind.pop(viewer, None)
        if self._keeping_up.pop(viewer.send, None) is not None:
            self._sends = None

    def moved(self, viewer: Viewer) -> None:
        """A viewer has fallen behind or caught up."""
        if viewer.flowing:
            self._behind.pop(viewer, None)
            self._keeping_up[viewer.send] = viewer
        else:
            self._keeping_up.pop(viewer.send, None)
            self._behind[viewer] = None
        self._sends = None

    def deliver(self, data: bytes, keyframe: bool) -> None:
        """Send one access unit (or a run of audio) to everybody who is not skipping."""
        behind = tuple(self._behind)
        self._send(data)
        for viewer in behind:
            viewer.deliver(data, keyframe)

    def check(self) -> None:
        """Close those whose peers have stalled."""
        for viewer in tuple(self._behind):
            viewer.check()

    def _send(self, data: bytes) -> None:
        """The hottest loop of all: one system call a viewer, and nothing beside it."""
        if self._sends is None:
            self._sends = tuple(self._keeping_up)
        size = len(data)
        short: list[tuple[Send, int | OSError]] = []
        for send in self._sends:
            try:
                sent = send(data)
            except OSError as error:
                short.append((send, error))
            else:
                if sent != size:
                    short.append((send, sent))
        for send, outcome in short:
            viewer = self._keeping_up.get(send)
            if viewer is None:  # gone with one of those before
                continue
            if isinstance(outcome, OSError):
                viewer.refused(data, outcome)
            else:
                viewer.took(data, outcome)
        self.sent_bytes += size  # only now, for those above had less
