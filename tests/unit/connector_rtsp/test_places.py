"""Where streams are: paths at the address or whole URLs, with the account only where one stands for it."""

import pytest
from pydantic import SecretStr

from cambus.connector.errors import EndReason, InvalidRecord, SessionEnd
from cambus.connector_rtsp.options import RtspOptions
from cambus.connector_rtsp.places import check_places, sources
from cambus.schemas.state.credentials import Credentials

ACCOUNT = Credentials(username="joe", password=SecretStr("p@ss/w:rd"))


def cameras(**options):
    return RtspOptions.of(options).cameras


def urls(address, credentials=ACCOUNT, **options):
    return [
        {name: source.url for name, source in streams.items()}
        for streams in sources(address, cameras(**options), credentials)
    ]


@pytest.mark.parametrize(
    ("address", "options", "expected"),
    [
        ("h", {"url": "/a"}, [{"main": "rtsp://h/a"}]),
        (
            "h:8554",
            {"url": "a?b=c", "sub_url": "/d"},
            [{"main": "rtsp://h:8554/a?b=c", "sub": "rtsp://h:8554/d"}],
        ),
        ("[2001:db8::1]:554", {"url": "/"}, [{"main": "rtsp://[2001:db8::1]:554/"}]),
        (None, {"url": "rtsp://h/a"}, [{"main": "rtsp://h/a"}]),
        (
            "h",
            {"channels": [{"main": "/1"}, {"main": "rtsp://i/2"}]},
            [{"main": "rtsp://h/1"}, {"main": "rtsp://i/2"}],
        ),
        ("h", {"url": "/a?next=http://x"}, [{"main": "rtsp://h/a?next=http://x"}]),
    ],
)
def test_paths_and_urls(address, options, expected):
    assert urls(address, **options) == expected


def test_an_account_is_put_in_where_one_stands_for_it_percent_encoded():
    (streams,) = urls("h", url="/user={username}&password={password}&x={other}")
    assert streams["main"] == "rtsp://h/user=joe&password=p%40ss%2Fw%3Ard&x={other}"


def test_a_url_that_needs_an_account_waits_for_one():
    with pytest.raises(SessionEnd) as caught:
        sources("h", cameras(url="/{password}"), None)
    assert caught.value.reason is EndReason.CREDENTIALS_MISSING
    assert urls("h", None, url="/a") == [{"main": "rtsp://h/a"}]


def test_sources_do_not_show_what_was_put_in():
    assert "w%3Ard" not in repr(sources("h", cameras(url="/{password}"), ACCOUNT))


@pytest.mark.parametrize(
    ("address", "options", "named"),
    [
        (None, {"url": "/a"}, "main URL of channel 0"),
        ("h", {"url": "http://h/a"}, "rtsp://"),
        ("h", {"url": "rtsp://joe:secret@h/a"}, "credentials"),
        ("h", {"url": "/a b"}, "printable"),
        ("h/x", {"url": "/a"}, "address"),
        ("joe:secret@h", {"url": "/a"}, "address"),
        ("h:0", {"url": "/a"}, "port"),
        ("h", {"channels": [{"main": "/a"}, {"main": "/a", "sub": "ftp://x"}]}, "sub URL of channel 1"),
    ],
)
def test_what_can_not_work_is_named_and_not_repeated(address, options, named):
    with pytest.raises(InvalidRecord, match=named) as caught:
        check_places(address, cameras(**options))
    assert "secret" not in caught.value.text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "url or channels"),
        ({"url": "/a", "channels": [{"main": "/b"}]}, "url or channels"),
        ({"sub_url": "/a", "channels": [{"main": "/b"}]}, "sub_url"),
        ({"url": "/a", "transport": "carrier-pigeon"}, "options.transport"),
        ({"url": "/a", "check_s": 0}, "options.check_s"),
        ({"url": "/a", "password": "secret"}, "options.password: there is no such option"),
        ({"channels": [{"main": "/b", "third": "/c"}]}, "options.channels.0.third"),
        ({"channels": [{"main": "/b"}] * 65}, "options.channels"),
    ],
)
def test_options_that_can_not_work_are_named(options, named):
    with pytest.raises(InvalidRecord, match=named) as caught:
        RtspOptions.of(options)
    assert "secret" not in caught.value.text
