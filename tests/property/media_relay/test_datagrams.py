import sys

from hypothesis import given
from hypothesis import strategies as st

from cambus.media_relay.datagrams import MAX_RUN_BYTES, Cutter, DatagramWire, bundle
from cambus.media_relay.pacer import Pacing

PLACES = {channel: ("192.0.2.1", 5000 + channel) for channel in range(4)}


class Kernel:
    """Takes runs as Linux does: what it is asked to cut, it cuts."""

    def __init__(self) -> None:
        self.datagrams: list[tuple[int, bytes]] = []
        self.runs: list[int] = []

    def sendmsg(self, buffers, ancillary, flags, address):
        data = b"".join(buffers)
        cut = [int.from_bytes(value, sys.byteorder) for level, kind, value in ancillary if kind == 103]
        step = cut[0] if cut else len(data)
        self.runs.append(len(data))
        self.datagrams += [(address[1] - 5000, data[at : at + step]) for at in range(0, len(data), step)]
        return len(data)


class Pacer:
    def add(self, who, callback) -> None: ...

    def discard(self, who) -> None: ...


deliveries = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.lists(st.one_of(st.just(1400), st.integers(1, 1400)), min_size=1, max_size=80),
    ),
    max_size=6,
)


@given(deliveries, st.integers(1, 100_000))
def test_whatever_is_bundled_comes_out_as_it_was_however_slowly(deliveries, burst_bytes):
    expected, data, now = [], b"", [0.0]
    for channel, sizes in deliveries:
        packets = [bytes([index % 251]) * size for index, size in enumerate(sizes)]
        expected += [(channel, packet) for packet in packets]
        data += bundle(packets, channel)
    kernel = Kernel()
    pacing = Pacing(1000.0, burst_bytes, lambda: now[0])
    wire = DatagramWire((kernel, kernel), PLACES, Pacer(), pacing, cutter=Cutter(True))  # type: ignore[arg-type]  # doubles
    at = 0
    while at < len(data):
        try:
            at += wire.send(memoryview(data)[at:])
        except BlockingIOError:
            now[0] += 1.0
    assert kernel.datagrams == expected
    assert max(kernel.runs, default=0) <= MAX_RUN_BYTES
