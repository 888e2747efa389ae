"""The viewers of one output: those who have taken everything so far, and those who have not.

Nothing in the relay is done as often as sending a picture to a viewer, so whoever keeps up is no more than a function
to be called: neither is his object touched nor his account kept, which is the same for all of them.
"""

from collections.abc import Callable, Iterable

from cambus.media_relay.pages import LEAST_BYTES, LEAST_SOCKETS, Pages
from cambus.media_relay.viewer import Viewer

Send = Callable[[bytes], int]
Short = tuple[Send, int | OSError]
"""Who took less than all, and how much, or what he raised."""


class Audience:
    """Viewers in order of arrival.

    Args:
        pages: how many sockets are sent a large delivery at once.

    Attributes:
        sent_bytes: what everybody who kept up all the time has been sent.
        order: all of them, in order of arrival.
    """

    def __init__(self, pages: Pages | None = None) -> None:
        self.sent_bytes = 0
        self.order: tuple[Viewer, ...] = ()
        self._pages = pages or Pages()
        self._viewers: dict[Viewer, None] = {}
        self._keeping_up: dict[Send, Viewer] = {}
        self._lined_up = False
        self._sends: tuple[Send, ...] = ()
        self._sockets: dict[int, Send] = {}
        self._numbers: tuple[int, ...] = ()
        self._others: tuple[Send, ...] = ()
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
            self._lined_up = False

    def moved(self, viewer: Viewer) -> None:
        """A viewer has fallen behind or caught up."""
        if viewer.flowing:
            self._behind.pop(viewer, None)
            self._keeping_up[viewer.send] = viewer
        else:
            self._keeping_up.pop(viewer.send, None)
            self._behind[viewer] = None
        self._lined_up = False

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
        """Send to all who keep up; then see to those who took less than all of it."""
        if not self._lined_up:
            self._line_up()
        short = self._send_pages(data)
        if short is None:
            short = _send_to_each(data, self._sends)
        else:
            short += _send_to_each(data, self._others)
        for send, outcome in short:
            viewer = self._keeping_up.get(send)
            if viewer is None:  # gone with one of those before
                continue
            if isinstance(outcome, OSError):
                viewer.refused(data, outcome)
            else:
                viewer.took(data, outcome)
        self.sent_bytes += len(data)  # only now, for those above had less

    def _line_up(self) -> None:
        """Who is sent to by the number of his socket, and who by a call.

        The numbers are those of open sockets: a viewer stops keeping up before he is closed.
        """
        self._sends = tuple(self._keeping_up)
        numbers = {send: viewer.descriptor for send, viewer in self._keeping_up.items()}
        self._sockets = {number: send for send, number in numbers.items() if number is not None}
        self._numbers = tuple(self._sockets)
        self._others = tuple(send for send, number in numbers.items() if number is None)
        self._lined_up = True

    def _send_pages(self, data: bytes) -> list[Short] | None:
        """Send to all sockets at once; None if nobody was sent anything: it does not pay, or can not be done."""
        if len(data) < LEAST_BYTES or len(self._numbers) < LEAST_SOCKETS or not self._pages.usable:
            return None
        try:
            outcomes = self._pages.send(data, self._numbers)
        except OSError:
            return None
        refused = {number for number, outcome in outcomes if _is_odd(outcome)}
        short = [(self._sockets[number], outcome) for number, outcome in outcomes if number not in refused]
        return short + _send_to_each(data, [self._sockets[number] for number in refused])


def _send_to_each(data: bytes, sends: Iterable[Send]) -> list[Short]:
    """One system call a viewer, and nothing beside it."""
    size = len(data)
    short: list[Short] = []
    for send in sends:
        try:
            sent = send(data)
        except OSError as error:
            short.append((send, error))
        else:
            if sent != size:
                short.append((send, sent))
    return short


def _is_odd(outcome: int | OSError) -> bool:
    """Whether a socket refused pages for a reason that need not be its connection's."""
    return isinstance(outcome, OSError) and not isinstance(outcome, BlockingIOError)
