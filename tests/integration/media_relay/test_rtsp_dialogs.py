"""What RTSP clients are told, request by request; after each refusal the same connection goes on."""

import asyncio
import re

import pytest
from rtsp_by_hand import Rtsp, udp_tracks

from cambus.media.rtp_input import parse_rtp
from cambus.media_relay.rtsp_connection import MAX_FAILURES
from cambus.rtsp import digest_response
from cambus.schemas.errors import Forbidden

TOKEN = "a-token-of-sufficient-length"
TCP = "RTP/AVP/TCP;unicast;interleaved=0-1"
UDP = "RTP/AVP;unicast;client_port=45000-45001"


@pytest.fixture
def rtsp(relay):
    return Rtsp(relay.service.relay.rtsp_port)


@pytest.fixture
def path(device):
    return f"/{device}/0/main"


@pytest.fixture
async def guarded(relay_settings, run_relay, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    async with run_relay(relay_settings(relay_access="shared-token", relay_token_file=token_file)) as relay:
        yield relay


def connections(relay):
    return tuple(relay.service.relay._rtsp._connections)


# --- refusals


def refusals(path: str) -> list[tuple[int, str, str, dict[str, str]]]:
    """Status, method, path, headers: what a client with one track set up and not playing is refused."""
    video = f"{path}/trackID=0"
    return [
        (400, "OPTIONS", path, {"CSeq": ""}),
        (400, "OPTIONS", path, {"CSeq": "-1"}),
        (400, "SETUP", video, {}),
        (404, "DESCRIBE", "/no/such", {}),
        (404, "SETUP", f"{path}/trackID=9", {"Transport": TCP}),
        (404, "PLAY", "/other/0/main", {}),
        (405, "ANNOUNCE", path, {}),
        (405, "RECORD", path, {}),
        (406, "DESCRIBE", path, {"Accept": "text/html"}),
        (454, "PLAY", path, {"Session": "12345678"}),
        (454, "PLAY", path, {"Session": ""}),
        (457, "PLAY", path, {"Range": "smpte=0:10:20-"}),
        (457, "PLAY", path, {"Range": "clock=20260201T120000Z-"}),
        (459, "SETUP", path, {"Transport": TCP}),
        (461, "SETUP", video, {"Transport": "RTP/AVP;multicast"}),
        (461, "SETUP", video, {"Transport": "RTP/AVP/TCP;unicast;interleaved=0-1;mode=record"}),
        (461, "SETUP", f"{path}/trackID=1", {"Transport": UDP}),
        (501, "FROBNICATE", path, {}),
        (551, "OPTIONS", path, {"Require": "implicit-play"}),
    ]


async def test_what_is_refused_changes_nothing_and_the_connection_goes_on(relay, make_camera, rtsp, path):
    await make_camera()
    async with rtsp:
        assert (await rtsp.ask("DESCRIBE", path))[0] == 200
        assert (await rtsp.ask("SETUP", f"{path}/trackID=0", Transport=TCP))[0] == 200
        session = rtsp.session
        for status, method, where, headers in refusals(path):
            got, answered, _ = await rtsp.ask(method, where, **headers)
            assert (got, method, where) == (status, method, where)
            rtsp.session = session
            answered = dict(answered)
            assert ("Allow" in answered) == (status == 405)
            assert answered.get("Unsupported") == headers.get("Require")
        assert (await rtsp.ask("PLAY", path))[0] == 200
        assert (await rtsp.packet())[0] == 1
        for method, status in (("SETUP", 455), ("PAUSE", 200), ("TEARDOWN", 200), ("PLAY", 454)):
            where = f"{path}/trackID=0" if method == "SETUP" else path
            assert (await rtsp.ask(method, where, Transport=TCP))[0] == status, method


async def test_parameters_are_neither_told_nor_taken(relay, make_camera, rtsp, path):
    await make_camera()
    async with rtsp:
        for method in ("GET_PARAMETER", "SET_PARAMETER"):
            rtsp.say(method, path, Content_Length="10")
            rtsp.writer.write(b"position\r\n")
            assert (await rtsp.reply())[0] == 451
            assert (await rtsp.ask(method, path))[0] == 200  # a sign of life


async def test_one_track_of_two_is_not_played_alone(relay, make_camera, rtsp, path):
    await make_camera()
    async with rtsp:
        for track in (0, 1):
            assert (await rtsp.ask("SETUP", f"{path}/trackID={track}", Transport=TCP))[0] == 200
        assert (await rtsp.ask("PLAY", f"{path}/trackID=1"))[0] == 460
        assert (await rtsp.ask("PLAY", path))[0] == 200


async def test_what_may_not_be_watched_is_403(relay, make_camera, rtsp, path, monkeypatch):
    await make_camera()

    def forbid(key):
        raise Forbidden("not for you", reason="scope")

    async with rtsp:
        with monkeypatch.context() as patched:
            patched.setattr(relay.service.relay.streams, "watch", forbid)
            status, headers, _ = await rtsp.ask("DESCRIBE", path)
            assert (status, dict(headers)["X-Cambus-Reason"]) == (403, "scope")
        assert (await rtsp.ask("DESCRIBE", path))[0] == 200


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("relay_max_viewers", "too-many-viewers"),
        ("relay_max_viewers_per_stream", "too-many-viewers-of-stream"),
    ],
)
async def test_one_viewer_too_many_is_453_and_may_try_again(
    limit, reason, relay_settings, run_relay, make_camera, path
):
    await make_camera()
    async with run_relay(relay_settings(**{limit: 1})) as relay:
        port = relay.service.relay.rtsp_port
        second = Rtsp(port)
        async with second:
            async with Rtsp(port) as first:
                assert (await first.ask("DESCRIBE", path))[0] == 200
                status, headers, _ = await second.ask("DESCRIBE", path)
                assert (status, dict(headers)["X-Cambus-Reason"]) == (453, reason)
            async with asyncio.timeout(20):
                while (await second.ask("DESCRIBE", path))[0] != 200:  # until the first has gone
                    pass


@pytest.mark.parametrize("bound", ["relay_max_connections", "relay_max_connections_of_address"])
async def test_one_connection_too_many_is_told_so_and_closed(
    relay_settings, run_relay, make_camera, path, bound
):
    await make_camera()
    async with run_relay(relay_settings(**{bound: 1})) as relay:
        port = relay.service.relay.rtsp_port
        async with Rtsp(port) as first:
            assert (await first.ask("OPTIONS", "*"))[0] == 200
            async with Rtsp(port) as second:
                status, headers, _ = await second.reply()
                assert (status, dict(headers)["X-Cambus-Reason"]) == (453, "too-many-connections")
                assert await second.reader.read() == b""
            assert (await first.ask("DESCRIBE", path))[0] == 200


# --- order and transports


async def test_pipelined_requests_are_answered_in_order(relay, make_camera, rtsp, path):
    await make_camera()
    async with rtsp:
        for method, where, headers in (
            ("DESCRIBE", path, {}),
            ("SETUP", f"{path}/trackID=0", {"Transport": TCP}),
            ("OPTIONS", "*", {}),
            ("DESCRIBE", "/no/such", {}),
            ("GET_PARAMETER", path, {}),
        ):
            rtsp.say(method, where, **headers)
        replies = [await rtsp.reply() for _ in range(5)]
        assert [status for status, _, _ in replies] == [200, 200, 200, 404, 200]
        assert [dict(headers)["CSeq"] for _, headers, _ in replies] == ["1", "2", "3", "4", "5"]


async def test_the_first_offer_that_can_be_served_is_taken(relay, make_camera, rtsp, path):
    await make_camera()
    async with rtsp:
        offers = f"RTP/SAVP;unicast;client_port=45000-45001,RTP/AVP;multicast,{TCP},{UDP}"
        status, headers, _ = await rtsp.ask("SETUP", f"{path}/trackID=0", Transport=offers)
        assert (status, dict(headers)["Transport"]) == (200, TCP)


async def test_unusual_channels_are_answered_with_those_everybody_shares(relay, make_camera, rtsp, path):
    await make_camera()
    async with rtsp:
        for track, asked, given in ((0, "40-41", "0-1"), (1, "0-1", "2-3")):
            transport = f"RTP/AVP/TCP;unicast;interleaved={asked}"
            status, headers, _ = await rtsp.ask("SETUP", f"{path}/trackID={track}", Transport=transport)
            assert (status, dict(headers)["Transport"]) == (200, f"RTP/AVP/TCP;unicast;interleaved={given}")
        assert (await rtsp.ask("PLAY", path))[0] == 200
        assert {(await rtsp.packet())[0] for _ in range(20)} <= {0, 1, 2, 3}


# --- who may watch


def digest(challenge: str, method: str, url: str, *, password: str = TOKEN) -> str:
    """The `Authorization` that answers a challenge."""
    named = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    response = digest_response(
        "viewer", named["realm"], password, method, url, named["nonce"], algorithm=named["algorithm"]
    )
    return (
        f'Digest username="viewer", realm="{named["realm"]}", nonce="{named["nonce"]}", uri="{url}", '
        f'algorithm={named["algorithm"]}, response="{response}"'
    )


def challenges(headers: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in headers if name == "WWW-Authenticate" and value.startswith("Digest")]


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
async def test_a_challenge_is_answered_by_either_algorithm(algorithm, guarded, make_camera, path):
    await make_camera()
    async with Rtsp(guarded.service.relay.rtsp_port) as rtsp:
        status, headers, _ = await rtsp.ask("DESCRIBE", path)
        assert status == 401
        (challenge,) = (each for each in challenges(headers) if f"algorithm={algorithm}" in each)
        assert "stale" not in challenge
        url = f"rtsp://127.0.0.1:{rtsp.port}{path}"
        wrong = digest(challenge, "DESCRIBE", url, password="not-the-token")
        assert (await rtsp.ask("DESCRIBE", path, Authorization=wrong))[0] == 401
        right = digest(challenge, "DESCRIBE", url)
        assert (await rtsp.ask("DESCRIBE", path, Authorization=right))[0] == 200


async def test_an_expired_nonce_is_stale_and_the_next_one_is_good(guarded, make_camera, path):
    await make_camera()
    async with Rtsp(guarded.service.relay.rtsp_port) as rtsp:
        _, headers, _ = await rtsp.ask("DESCRIBE", path)
        (connection,) = connections(guarded)
        connection._access._auth._nonce_made_at -= 3600
        url = f"rtsp://127.0.0.1:{rtsp.port}{path}"
        late = digest(challenges(headers)[0], "DESCRIBE", url)
        status, headers, _ = await rtsp.ask("DESCRIBE", path, Authorization=late)
        assert status == 401
        assert all("stale=true" in each for each in challenges(headers))
        again = digest(challenges(headers)[0], "DESCRIBE", url)
        assert (await rtsp.ask("DESCRIBE", path, Authorization=again))[0] == 200
        connection._access._auth._nonce_made_at -= 3600
        assert (await rtsp.ask("DESCRIBE", path))[0] == 200  # who is in stays in


async def test_guessing_ends_with_the_connection(guarded, make_camera, path):
    await make_camera()
    async with Rtsp(guarded.service.relay.rtsp_port) as rtsp:
        for _ in range(3):
            assert (await rtsp.ask("DESCRIBE", path))[0] == 401  # showing nothing is no guess
        for guess in range(MAX_FAILURES):
            assert (await rtsp.ask("DESCRIBE", f"{path}?token=guess-{guess}"))[0] == 401
        assert await rtsp.reader.read() == b""


# --- clocks


def report_of(data: bytes) -> tuple[float, int]:
    """Wall clock in seconds and RTP timestamp of a sender report (RFC 3550 §6.4.1)."""
    assert data[1] == 200
    seconds, fraction, stamp = (int.from_bytes(data[at : at + 4]) for at in (8, 12, 16))
    return seconds - 2_208_988_800 + fraction / 2**32, stamp


@pytest.mark.parametrize("carrier", ["tcp", "udp"])
async def test_reports_put_picture_and_sound_on_one_clock(carrier, relay, make_camera, rtsp, path):
    """Packets of one pts come out at one instant by the reports of their tracks, and that is the frame's own."""
    camera = await make_camera(pace=0)
    frames = [frame for index in range(3) for frame in camera.picture(index)]
    async with rtsp, udp_tracks(2) as tracks:
        describing = asyncio.create_task(rtsp.ask("DESCRIBE", path))
        await camera.until(lambda: camera.claims)
        await camera.publish(*frames)
        await describing
        for number, track in enumerate(tracks):
            interleaved = f"RTP/AVP/TCP;unicast;interleaved={2 * number}-{2 * number + 1}"
            transport = track.offer if carrier == "udp" else interleaved
            assert (await rtsp.ask("SETUP", f"{path}/trackID={number}", Transport=transport))[0] == 200
        assert (await rtsp.ask("PLAY", path))[0] == 200
        reports, media = {}, {0: {}, 1: {}}
        if carrier == "udp":
            for number, track in enumerate(tracks):
                reports[number] = report_of((await track.rtcp())[0])
                while len(media[number]) < 2:
                    packet = parse_rtp((await track.rtp())[0])
                    media[number].setdefault(packet.timestamp, packet)
        else:
            while len(reports) < 2 or min(map(len, media.values())) < 2:
                channel, data = await rtsp.packet()
                if channel % 2:
                    reports.setdefault(channel // 2, report_of(data))
                else:
                    packet = parse_rtp(data)
                    media[channel // 2].setdefault(packet.timestamp, packet)
        instants = [
            [reports[track][0] + (stamp - reports[track][1]) / rate for stamp in media[track]]
            for track, rate in ((0, 90_000), (1, 8000))
        ]
        for pictured, sounded in zip(*instants, strict=False):
            assert abs(pictured - sounded) < 0.001
        keyframe = frames[1]
        assert abs(instants[0][0] - keyframe.wall_us / 1e6) < 0.001
        assert instants[0][1] - instants[0][0] == pytest.approx(0.04, abs=0.001)
