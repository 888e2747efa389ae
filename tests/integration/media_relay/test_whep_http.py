"""WHEP over HTTP: sessions opened, refused, limited and ended."""

import pytest
from webrtc_offers import CHROMIUM
from whep_player import SDP, sessions

from cambus.media_relay.key import StreamKey


async def post(http, url, body=CHROMIUM, **headers):
    async with http.post(url, data=body, headers={**SDP, **headers}) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("path", "body", "content_type", "status", "reason"),
    [
        ("gate/0/main", CHROMIUM, "application/sdp", 404, "no-such-device"),
        ("gate/0/best", CHROMIUM, "application/sdp", 404, "no-such-stream"),
        ("{device}/0/main?audio=mp3", CHROMIUM, "application/sdp", 400, "audio"),
        ("{device}/0/main", "hello", "application/sdp", 400, "bad-request"),
        ("{device}/0/main", "\xff", "application/sdp", 400, "bad-request"),
        ("{device}/0/main", CHROMIUM, "text/plain", 415, "content-type"),
        ("{device}/0/main", CHROMIUM.replace("H264", "VP9"), "application/sdp", 501, "codec-not-offered"),
        (
            "{device}/0/main",
            CHROMIUM.replace("recvonly", "sendonly"),
            "application/sdp",
            400,
            "no-video-wanted",
        ),
    ],
)
async def test_a_viewer_is_told_why_there_is_no_picture(
    relay, make_camera, device, http, path, body, content_type, status, reason
):
    await make_camera()
    url = f"{relay.http}/whep/{path.format(device=device)}"
    told, problem = await post(http, url, body.encode("latin-1"), **{"Content-Type": content_type})
    assert (told, problem["code"], problem["reason"]) == (status, status, reason)
    assert problem["text"]
    assert not sessions(relay)


async def test_h265_is_refused_to_a_player_that_does_not_offer_it(relay, make_camera, device, specs, http):
    await make_camera(specs["h265"])
    status, problem = await post(http, f"{relay.http}/whep/{device}/0/main")
    assert (status, problem["reason"]) == (501, "codec-not-offered")
    assert "H265" in problem["text"]


async def test_viewers_are_limited_and_one_who_never_connects_makes_room(
    relay_settings, run_relay, make_camera, device, http, eventually
):
    await make_camera()
    settings = relay_settings(relay_max_webrtc_viewers=1, relay_webrtc_connect_timeout_s=1.0)
    async with run_relay(settings) as relay:
        url = f"{relay.http}/whep/{device}/0/main"
        async with http.post(url, data=CHROMIUM, headers=SDP) as answer:
            assert answer.status == 201
        status, problem = await post(http, url)
        assert (status, problem["reason"]) == (429, "too-many-webrtc-viewers")
        await eventually(lambda: not sessions(relay))
        assert relay.metric('cambus_relay_webrtc_sessions_total{outcome="timeout"}') == 1
        async with http.post(url, data=CHROMIUM, headers=SDP) as answer:
            assert answer.status == 201
            resource = answer.headers["Location"]
        async with http.delete(relay.http + resource) as answer:
            assert answer.status == 200
        await eventually(lambda: not sessions(relay))
        assert relay.metric('cambus_relay_webrtc_sessions_total{outcome="left"}') == 1


async def test_webrtc_can_be_switched_off(relay_settings, run_relay, make_camera, device, http):
    await make_camera()
    async with run_relay(relay_settings(relay_max_webrtc_viewers=0)) as relay:
        assert relay.service.relay.webrtc_port == 0
        assert relay.service.addresses().urls(StreamKey(device, 0, "main"), {}).whep is None
        status, problem = await post(http, f"{relay.http}/whep/{device}/0/main")
        assert (status, problem["reason"]) == (501, "webrtc-off")


async def test_candidates_may_trickle_in_and_ice_does_not_restart(relay, make_camera, device, player, http):
    await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        resource = relay.http + viewer.resource
        fragment = {"Content-Type": "application/trickle-ice-sdpfrag"}
        username = viewer.peer.localDescription.sdp.split("a=ice-ufrag:")[1].split()[0]
        candidate = "a=candidate:1 1 udp 1 127.0.0.1 50000 typ host\r\na=end-of-candidates\r\n"
        body = f"a=ice-ufrag:{username}\r\na=ice-pwd:{'x' * 22}\r\nm=video 9 X 0\r\na=mid:0\r\n{candidate}"
        tagged = {**fragment, "If-Match": viewer.etag}
        async with http.patch(resource, data=body, headers=tagged) as answer:
            assert (answer.status, await answer.text()) == (204, "")
        for headers, text, status in (
            (fragment, body, 428),
            ({**fragment, "If-Match": '"other"'}, body, 412),
            ({**fragment, "If-Match": "*"}, body, 422),
            (tagged, body.replace(f"ufrag:{username}", "ufrag:other"), 422),
            ({**tagged, "Content-Type": "application/json"}, body, 415),
        ):
            async with http.patch(resource, data=text, headers=headers) as answer:
                assert answer.status == status
                assert (await answer.json())["code"] == status
        await viewer.frames("video", 2)


async def test_the_token_is_asked_for_and_the_advertised_address_named(
    relay_settings, run_relay, make_camera, device, player, http, tmp_path
):
    await make_camera()
    token = tmp_path / "token"
    token.write_text("a-token-of-sufficient-length")
    settings = relay_settings(
        relay_access="shared-token", relay_token_file=token, relay_webrtc_advertised_host="localhost"
    )
    async with run_relay(settings) as relay:
        url = f"{relay.http}/whep/{device}/0/main"
        status, problem = await post(http, url)
        assert (status, problem["reason"]) == (401, "token")
        async with player(f"{url}?token=a-token-of-sufficient-length") as viewer:
            await viewer.play(audio=False)
            await viewer.frames("video", 2)
            hosts = [line.split()[4] for line in viewer.answer.splitlines() if line.startswith("a=candidate")]
            assert "127.0.0.1" in hosts  # what localhost stands for


async def test_players_are_told_of_the_turn_server(
    relay_settings, run_relay, make_camera, device, http, tmp_path
):
    await make_camera()
    secret = tmp_path / "turn"
    secret.write_text("cambus:pass word")
    settings = relay_settings(
        relay_webrtc_turn_server="127.0.0.1:9",
        relay_webrtc_turn_transport="tcp",  # nobody listens there: refused at once
        relay_webrtc_turn_credentials_file=secret,
    )
    async with run_relay(settings) as relay:
        url = f"{relay.http}/whep/{device}/0/main"
        async with http.post(url, data=CHROMIUM, headers=SDP) as answer:
            assert answer.status == 201
            assert answer.headers["Link"] == (
                '<turn:127.0.0.1:9?transport=tcp>; rel="ice-server"; username="cambus"; '
                'credential="pass%20word"; credential-type="password"'
            )
            assert "a=candidate" in await answer.text()


async def test_delete_ends_a_session(relay, make_camera, device, player, http, eventually):
    await make_camera()
    async with player(f"{relay.http}/whep/{device}/0/main") as viewer:
        await viewer.play()
        await viewer.frames("video", 2)
        async with http.delete(relay.http + viewer.resource) as answer:
            assert answer.status == 200
        await viewer.ended()
        await eventually(lambda: not sessions(relay))
        async with http.delete(relay.http + viewer.resource) as answer:
            assert answer.status == 404
            assert (await answer.json())["reason"] == "no-such-session"
    assert relay.metric('cambus_relay_viewers{output="webrtc"}') == 0
    assert relay.metric('cambus_relay_webrtc_sessions_total{outcome="connected"}') == 1
    assert relay.metric('cambus_relay_viewers_closed_total{output="webrtc",reason="left"}') == 1
