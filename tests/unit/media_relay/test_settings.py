"""Settings that would open the relay to strangers by accident are refused."""

import pytest
from pydantic import ValidationError

from cambus.media_relay.settings import RelaySettings, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_a_loopback_address_is_open_without_further_ado(host):
    assert is_loopback(host)
    assert RelaySettings(relay_host=host).relay_access is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "relay.example", ""])
def test_any_other_address_needs_a_decision(host):
    assert not is_loopback(host)
    with pytest.raises(ValidationError, match="relay_access"):
        RelaySettings(relay_host=host)
    assert RelaySettings(relay_host=host, relay_access="open").relay_access == "open"


def test_a_shared_token_needs_its_file(tmp_path):
    with pytest.raises(ValidationError, match="relay_token_file"):
        RelaySettings(relay_access="shared-token")
    RelaySettings(relay_host="0.0.0.0", relay_access="shared-token", relay_token_file=tmp_path / "token")


def test_a_new_viewer_must_be_able_to_take_the_cached_group():
    with pytest.raises(ValidationError, match="relay_hard_bytes"):
        RelaySettings(relay_gop_bytes=8 << 20, relay_hard_bytes=8 << 20)


@pytest.mark.parametrize("url", ["ftp://x", "cctv.example", "https://", "https://x/?token=1"])
def test_an_advertised_address_must_be_a_base_url(url):
    with pytest.raises(ValidationError, match="relay_advertised_http_url"):
        RelaySettings(relay_advertised_http_url=url)


def test_lists_and_slashes_are_tidied():
    settings = RelaySettings(
        relay_allowed_origins="https://a.example, https://b.example,",
        relay_advertised_http_url="https://cctv.example/live/",
    )
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}
    assert settings.relay_advertised_http_url == "https://cctv.example/live"


def test_webrtc_asks_no_server_unless_told_to(tmp_path):
    assert not RelaySettings().ice_servers()
    with pytest.raises(ValidationError, match="credentials_file"):
        RelaySettings(relay_webrtc_turn_server="turn.example")
    secret = tmp_path / "turn"
    secret.write_text("cambus:s3cret\n")
    servers = RelaySettings(
        relay_webrtc_stun_server="stun.example:19302",
        relay_webrtc_turn_server="[2001:db8::1]",
        relay_webrtc_turn_credentials_file=secret,
    ).ice_servers()
    assert servers.stun == ("stun.example", 19302)
    assert servers.turn == ("2001:db8::1", 3478)
    assert (servers.username, servers.password) == ("cambus", "s3cret")
    assert "s3cret" not in repr(servers)
    secret.write_text("s3cret")
    with pytest.raises(ValueError, match="user:password") as refusal:
        RelaySettings(relay_webrtc_turn_credentials_file=secret).ice_servers()
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("server", ["turn:x", "a b", "https://x", "x:99999999"])
def test_a_server_of_webrtc_is_host_and_port(server):
    with pytest.raises(ValidationError):
        RelaySettings(relay_webrtc_stun_server=server)


def test_webrtc_is_reached_where_the_relay_listens():
    assert RelaySettings(relay_host="192.0.2.5", relay_access="open").webrtc_hosts() == ["192.0.2.5"]
    assert RelaySettings(relay_host="localhost").webrtc_hosts() == ["127.0.0.1"]
    every = RelaySettings(relay_host="0.0.0.0", relay_access="open").webrtc_hosts()
    assert every
    assert "0.0.0.0" not in every
    settings = RelaySettings(relay_webrtc_advertised_host="198.51.100.1, cctv.example,")
    assert settings.webrtc_advertised == ("198.51.100.1", "cctv.example")
