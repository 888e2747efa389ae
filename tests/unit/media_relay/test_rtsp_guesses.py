"""RTSP clients that guess at the shared token."""

import pytest

from cambus.media_relay.access import Access
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.rtsp_access import RtspAccess
from cambus.rtsp import Described
from cambus.rtsp.message import Request
from cambus.rtsp.url import parse_url
from cambus.schemas.errors import Overloaded

TOKEN = "correct-horse-battery-staple"


@pytest.fixture
def access(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN)
    return Access(path, guesses=Guesses(3))


def describe(token=None):
    url = "rtsp://relay/gate/0/main" + (f"?token={token}" if token else "")
    return Described(parse_url(url), Request("DESCRIBE", url, {}))


async def test_new_connections_do_not_buy_new_guesses(access):
    for _ in range(3):
        assert await RtspAccess(access).challenge(describe("wrong"), 0.0, "192.0.2.7")
    for asked in (describe("wrong"), describe(TOKEN)):
        with pytest.raises(Overloaded):
            await RtspAccess(access).challenge(asked, 0.0, "192.0.2.7")
    assert await RtspAccess(access).challenge(describe(TOKEN), 0.0, "192.0.2.8") is None


async def test_who_was_let_in_stays_so_whoever_guesses_beside_him(access):
    before = RtspAccess(access)
    assert await before.challenge(describe(TOKEN), 0.0, "192.0.2.7") is None
    for _ in range(3):
        await RtspAccess(access).challenge(describe("wrong"), 0.0, "192.0.2.7")
    assert await before.challenge(describe(), 0.0, "192.0.2.7") is None


async def test_to_be_asked_for_the_token_is_no_guess(access):
    for _ in range(9):
        assert await RtspAccess(access).challenge(describe(), 0.0, "192.0.2.7")
    assert await RtspAccess(access).challenge(describe(TOKEN), 0.0, "192.0.2.7") is None
