"""Who may watch, and which web pages may act in a visitor's name."""

from dataclasses import dataclass, field

import pytest

from cambus.media_relay.access import Access
from cambus.media_relay.guesses import Guesses
from cambus.media_relay.settings import RelaySettings
from cambus.schemas.errors import Forbidden, Overloaded, Unauthorized

TOKEN = "correct-horse-battery-staple"


@dataclass
class Request:
    headers: dict[str, str] = field(default_factory=lambda: {"Host": "127.0.0.1:8088"})
    query: dict[str, str] = field(default_factory=dict)
    remote: str = "192.0.2.7"


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    return path


@pytest.fixture
def guarded(token_file):
    return Access(token_file)


@pytest.fixture
def loopback():
    return Access.of(RelaySettings())


@pytest.mark.parametrize(
    "request_",
    [
        Request(query={"token": TOKEN}),
        Request(headers={"Host": "x", "Authorization": f"Bearer {TOKEN}"}),
        Request(headers={"Host": "x", "Authorization": f"bearer  {TOKEN}"}),
    ],
)
def test_the_token_opens(guarded, request_):
    guarded.check_http(request_)


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        Request(query={"token": ""}),
        Request(query={"token": TOKEN[:-1]}),
        Request(query={"token": "\udce9" * len(TOKEN)}),
        Request(headers={"Host": "x", "Authorization": f"Basic {TOKEN}"}),
        Request(headers={"Host": "x", "Authorization": "Bearer wrong"}, query={"token": TOKEN}),
    ],
)
def test_nothing_else_opens(guarded, request_):
    with pytest.raises(Unauthorized):
        guarded.check_http(request_)


def test_a_replaced_token_counts_at_once(guarded, token_file):
    token_file.write_text("another-token-of-enough-length")
    assert not guarded.accepts(TOKEN)
    assert guarded.accepts("another-token-of-enough-length")


def test_without_a_readable_token_nobody_gets_in(guarded, token_file):
    token_file.unlink()
    assert not guarded.accepts(TOKEN)
    assert not guarded.accepts("")
    assert guarded.password_of("anybody") is None


def test_a_short_token_is_refused_at_the_start(tmp_path):
    path = tmp_path / "token"
    path.write_text("1234")
    with pytest.raises(ValueError, match="16"):
        Access(path)


def test_no_error_tells_the_token(guarded):
    with pytest.raises(Unauthorized) as caught:
        guarded.check_http(Request(query={"token": "wrong"}))
    assert TOKEN not in str(caught.value)
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8088", "localhost:8088", "[::1]:8088", "LOCALHOST"])
def test_an_open_loopback_relay_answers_to_its_own_names(loopback, host):
    loopback.check_http(Request(headers={"Host": host}))


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8088", "", "[", "127.0.0.1.evil.example"])
def test_an_open_loopback_relay_answers_to_no_other_name(loopback, host):
    with pytest.raises(Forbidden, match="host name"):
        loopback.check_http(Request(headers={"Host": host}))


def test_pages_of_other_sites_are_refused(loopback):
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        with pytest.raises(Forbidden, match="other sites"):
            loopback.check_http(Request(headers={"Host": "127.0.0.1:8088", "Origin": origin}))
    loopback.check_http(Request(headers={"Host": "127.0.0.1:8088", "Origin": "http://127.0.0.1:8088"}))


def test_origins_that_are_named_may_use_the_relay():
    access = Access.of(RelaySettings(relay_allowed_origins="https://cctv.example"))
    request = Request(headers={"Host": "localhost", "Origin": "https://cctv.example"})
    access.check_http(request)
    assert access.allowed_origin(request) == "https://cctv.example"
    assert access.allowed_origin(Request()) is None


def test_behind_a_proxy_the_advertised_name_counts():
    access = Access.of(RelaySettings(relay_advertised_http_url="https://cctv.example/relay"))
    access.check_http(Request(headers={"Host": "cctv.example"}))
    access.check_http(Request(headers={"Host": "127.0.0.1:8080", "Origin": "https://cctv.example"}))


async def test_an_address_that_guesses_at_the_shared_token_is_not_told_when_it_is_right(token_file):
    access = Access(token_file, guesses=Guesses(3))
    for guess in range(3):
        with pytest.raises(Unauthorized):
            access.check_http(Request(query={"token": f"guess-number-{guess}"}))
    right = Request(query={"token": TOKEN})
    with pytest.raises(Overloaded):
        access.check_http(right)
    for asked in (access.check_page, access.open_page, lambda request: access.admit(request, lambda: None)):
        with pytest.raises(Overloaded):
            await asked(right)
    access.check_http(Request(query={"token": TOKEN}, remote="192.0.2.8"))


def test_who_shows_no_token_guesses_nothing(token_file):
    access = Access(token_file, guesses=Guesses(1))
    for _ in range(3):
        with pytest.raises(Unauthorized):
            access.check_http(Request())
    access.check_http(Request(query={"token": TOKEN}))
