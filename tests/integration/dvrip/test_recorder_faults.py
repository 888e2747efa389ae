"""Refused logins, broken packets, lost sessions and spoiled streams of the simulated recorder."""

import asyncio

import av
import pytest
from recorder_tour import PATIENT_S, take

from cambus.dvrip.codes import AuthReason
from cambus.dvrip.errors import (
    AuthError,
    ConnectionLimit,
    ConnectionLost,
    DeviceError,
    EncryptedUnsupported,
    FragmentError,
    FramingError,
    MalformedPayload,
    RequestTimeout,
)
from cambus.dvrip.frames import VideoFrame
from cambus.dvrip.messages.search import FileQuery
from cambus.media.frame import Codec


@pytest.mark.parametrize(("code", "reason"), [(203, AuthReason.BAD_PASSWORD), (106, AuthReason.BAD_PASSWORD)])
@pytest.mark.parametrize("form", ["full", "short"])
async def test_a_wrong_password(recorder, opened, code, reason, form):
    recorder.quirks.wrong_password_code = code
    recorder.quirks.login_failure_form = form
    with pytest.raises(AuthError) as caught:
        await opened.make(password="wrong").connect()
    assert caught.value.reason is reason


async def test_a_locked_user(recorder, opened):
    recorder.quirks.lock_after = 2
    reasons = []
    for _ in range(3):
        with pytest.raises(AuthError) as caught:
            await opened.make(password="wrong").connect()
        reasons.append(caught.value.reason)
    assert reasons[-1] is AuthReason.LOCKED


@pytest.mark.parametrize("how", ["close", "code"])
async def test_a_full_device(recorder, opened, how):
    recorder.quirks.max_connections = 1
    recorder.quirks.over_limit = how
    await opened.open()
    with pytest.raises(ConnectionLimit):
        await opened.make().connect()


async def test_encrypted_logins_are_named(recorder, opened):
    recorder.quirks.login_reply = "encrypted"
    with pytest.raises(EncryptedUnsupported):
        await opened.make().connect()


async def test_a_login_that_is_never_answered(recorder, opened):
    recorder.quirks.login_reply = "never"
    with pytest.raises(RequestTimeout) as caught:
        await opened.make(login=0.2).connect()
    assert caught.value.name == "login"


@pytest.mark.parametrize("order", ["duplicate", "hole", "changed_total"])
async def test_parts_that_do_not_fit_fail_their_request_alone(recorder, opened, order):
    client = await opened.open(fragment=0.2)
    recorder.quirks.fragment_bytes = 60
    recorder.quirks.fragment_order = order
    with pytest.raises(FragmentError):
        await client.system.info()
    recorder.quirks.fragment_order = "in_order"
    assert (await client.system.info()).serial
    assert client.is_online


async def test_a_slow_answer_is_waited_for_and_a_late_one_drops_the_session(recorder, opened):
    recorder.quirks.delay_s = {1020: 0.3}
    client = await opened.open(request=5.0)
    assert (await client.system.info()).serial
    impatient = await opened.open(request=0.1)
    with pytest.raises(RequestTimeout):
        await impatient.system.info()
    assert not impatient.is_online


@pytest.mark.parametrize("fault", ["wrong_flag", "huge_length"])
async def test_lost_framing_ends_the_session(recorder, opened, fault):
    client = await opened.open()
    recorder.inject(fault)
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await client.wait_closed(), FramingError)


@pytest.mark.parametrize("fault", ["json_bomb", "duplicate_keys", "not_json", "array"])
async def test_a_broken_body_fails_its_request_alone(recorder, opened, fault):
    client = await opened.open()
    recorder.quirks.reply_fault = {1020: fault}
    with pytest.raises(MalformedPayload):
        await client.system.info()
    recorder.quirks.reply_fault = {}
    assert (await client.system.info()).serial


async def test_unknown_messages_are_skipped(recorder, opened):
    client = await opened.open()
    recorder.inject("unknown_id")
    assert (await client.system.info()).serial
    counters = client.control.session.counters
    assert counters["unknown_messages"] + counters["unexpected_replies"] == 1


async def test_a_dropped_session_is_noticed(recorder, opened):
    client = await opened.open()
    live = await client.open_live(0)
    await take(live, 3)
    recorder.drop()
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await client.wait_closed(), ConnectionLost)
    with pytest.raises(ConnectionLost):
        async for _ in live:
            pass


async def test_a_forced_logout(recorder, opened):
    client = await opened.open()
    recorder.force_logout()
    async with asyncio.timeout(PATIENT_S):
        assert isinstance(await client.wait_closed(), ConnectionLost)


@pytest.mark.parametrize("how", ["silent", "close", "rst", "half_close"])
async def test_a_stream_that_breaks_off(recorder, opened, how):
    recorder.quirks.break_at_s = 0.3
    recorder.quirks.break_how = how
    client = await opened.open(media_silence=0.5)
    live = await client.open_live(0)
    with pytest.raises((ConnectionLost, RequestTimeout)):
        await take(live, 100_000)
    assert client.is_online
    await live.stop()


@pytest.mark.parametrize("quirk", ["corrupt_length_at", "garbage_at"])
async def test_a_spoiled_stream_goes_on_with_a_key_frame(recorder, opened, quirk):
    setattr(recorder.quirks, quirk, 10)
    recorder.quirks.pace = 4
    recorder.quirks.audio = False
    client = await opened.open()
    live = await client.open_live(0)
    frames = await take(live, 150)
    assert live.counters["resyncs"] >= 1
    after = [frame for frame in frames if frame.discontinuity]
    assert after
    assert all(frame.keyframe for frame in after)
    context = av.CodecContext.create("h264", "r")
    for frame in frames[frames.index(after[-1]) :]:
        context.decode(av.Packet(frame.payload))


async def test_a_change_of_codec_is_marked(recorder, opened):
    recorder.quirks.change_codec_at_s = 0.5
    client = await opened.open()
    live = await client.open_live(0)
    async with asyncio.timeout(PATIENT_S):
        async for frame in live:
            if isinstance(frame, VideoFrame) and frame.format_changed:
                break
    assert (frame.codec, frame.keyframe) == (Codec.H265, True)
    after = [frame, *(each for each in await take(live, 40) if isinstance(each, VideoFrame))]
    assert {each.codec for each in after} == {Codec.H265}
    context = av.CodecContext.create("hevc", "r")
    pictures = [picture for each in after for picture in context.decode(av.Packet(each.payload))]
    assert len(pictures + context.decode(None)) == len(after)


async def test_an_offline_channel_is_not_an_offline_device(recorder, opened):
    recorder.quirks.offline_channels = {1}
    client = await opened.open()
    with pytest.raises(DeviceError) as caught:
        await client.open_live(1)
    assert caught.value.code == 121
    live = await client.open_live(0)
    await take(live, 2)


@pytest.mark.parametrize(
    "quirk",
    [
        {"recordings": 200},
        {"recordings": 200, "equal_begin": True},
        {"recordings": 700, "search_ceiling": 511},
    ],
)
async def test_long_archives_are_listed_whole(recorder, opened, quirk):
    recorder.quirks.update(quirk)
    client = await opened.open()
    day = await client.machine.time()
    found = await client.files.find(
        FileQuery(0, day.replace(year=day.year - 1), day.replace(year=day.year + 1))
    )
    assert len(found) == len({record.name for record in found}) == quirk["recordings"]
