"""What of an image went out, and which piece of it is asked for."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cambus.connector_gb28181 import firmware
from cambus.connector_gb28181.firmware import Coverage, FirmwareOffers, Offer, byte_range


class Image:
    size_bytes = 100


@given(st.lists(st.tuples(st.integers(0, 59), st.integers(1, 20)), max_size=30))
def test_the_coverage_is_the_union_of_what_went_out(spans):
    coverage, covered = Coverage(60), set()
    for start, count in spans:
        stop = min(start + count, 60)
        coverage.add(start, stop)
        covered |= set(range(start, stop))
        assert coverage.percent == pytest.approx(100 * len(covered) / 60)
        assert coverage.whole == (len(covered) == 60)


def test_the_coverage_of_endless_scattered_pieces_has_a_bound(monkeypatch):
    monkeypatch.setattr(firmware, "MAX_PIECES", 3)
    coverage = Coverage(100)
    for start in range(0, 100, 10):
        coverage.add(start, start + 1)
    assert coverage.percent == 3
    assert not coverage.whole


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("", None),
        ("bytes=0-", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-10", (90, 100)),
        ("bytes=-200", (0, 100)),
        ("bytes=20-10", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=" + "9" * 40 + "-", None),
    ],
)
def test_a_range_is_read_or_ignored(header, wanted):
    assert byte_range(header, 100) == wanted


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_with_nothing_in_it_is_refused(header):
    with pytest.raises(ValueError, match="nothing"):
        byte_range(header, 100)


async def test_an_image_is_offered_under_one_token_until_the_end_of_the_block():
    told = []
    offers = FirmwareOffers(lambda: 0.0)
    offer = Offer(Image(), lambda percent, whole: told.append((percent, whole)))
    async with offers.offered(offer, 10) as token:
        assert offers.find(token) is offer
        offer.sent(0, 50)
        offer.sent(50, 100)
    assert offers.find(token) is None
    assert told == [(50.0, False), (100.0, True)]


async def test_fetches_end_with_the_offer_and_are_not_endless():
    offers = FirmwareOffers(lambda: 0.0)
    offer = Offer(Image(), lambda percent, whole: None)
    async with offers.offered(offer, 10):
        fetches = [asyncio.ensure_future(asyncio.Event().wait()) for _ in range(firmware.MAX_FETCHES)]
        for fetch in fetches:
            assert offer.has_room
            offer.fetching(fetch)
        assert not offer.has_room
    assert all(fetch.cancelled() for fetch in fetches)
