"""Everything devices put into RTP, from a simulated one to a decoder that is not ours."""

import io
import itertools

import av
import pytest
from gb28181_rig import SMALL

from cambus.gb28181.errors import MediaError
from cambus.media.frame import Codec
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.source import tone

DECODERS = {Codec.H264: "h264", Codec.H265: "hevc"}


def decoded(units):
    """The pictures FFmpeg makes of units."""
    decoder = av.CodecContext.create(DECODERS[units[0].codec], "r")
    frames = [frame for unit in units for frame in decoder.decode(av.Packet(unit.payload))]
    return [frame.to_ndarray().tobytes() for frame in frames + decoder.decode(None)]


def pictures_sent(sim):
    session = (sim.sessions or list(sim.streams.ended))[-1]
    return [each for each in session.sent if each.codec in DECODERS]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize("payload", ["ps", "ts", "ts_33", "raw"])
@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
async def test_pictures_in_every_form_are_those_that_were_sent(rig, codec, payload, transport):
    pace = (
        1.0 if transport == "udp" else 4.0
    )  # what is sent at once after a standstill is not to fill a buffer
    sim = await rig.device(media=SMALL.coded(codec), quirks=Quirks(payload=payload, pace=pace))
    session, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 15)
    await session.close()
    payloads = [each.payload for each in units.pictures]
    sent = pictures_sent(sim)[: len(payloads)]
    assert payloads == [each.data for each in sent]
    assert {each.codec for each in units.pictures} == {codec}
    stamps = [each.pts - units.pictures[0].pts for each in units.pictures]
    assert stamps == [each.pts - sent[0].pts for each in sent]
    assert len(decoded(units.pictures)) == len(payloads)


@pytest.mark.parametrize("beside", ["no", "yes"])
@pytest.mark.parametrize("sound", ["pcma", "pcmu", "aac"])
async def test_sound_of_every_kind_is_that_which_was_sent(rig, sound, beside):
    codec = {"pcma": Codec.PCMA, "pcmu": Codec.PCMU, "aac": Codec.AAC}[sound]
    sim = await rig.device(quirks=Quirks(audio=sound, audio_beside=beside, pace=6.0))
    session, units = await rig.watch(sim, "tcp-passive")
    await units.until(lambda: len(units.sound) >= 12 and len(units.pictures) >= 5)
    await session.close()
    assert [each.payload for each in units.sound[:12]] == list(tone(1, codec)[:12])
    assert {each.codec for each in units.sound} == {codec}
    steps = {b.pts - a.pts for a, b in itertools.pairwise(units.sound)}
    assert steps <= ({11_520} if codec is Codec.AAC else {3_600})
    if codec is Codec.AAC:
        with av.open(io.BytesIO(b"".join(each.payload for each in units.sound)), format="aac") as container:
            frames = list(container.decode(audio=0))
        assert {(each.sample_rate, each.samples) for each in frames} == {(8_000, 1024)}


async def test_raw_sound_beside_ps_is_a_track_of_its_own(rig):
    sim = await rig.device(profile="dahua_ipc", quirks=Quirks(pace=4.0))
    session, units = await rig.watch(sim, "udp")
    await units.until(lambda: len(units.sound) >= 20 and len(units.pictures) >= 8)
    assert len(session.media._router._tracks) == 2
    assert [each.payload for each in units.sound[:20]] == list(tone(1, Codec.PCMA)[:20])
    # in step with the pictures, though it counts from another zero
    assert abs(units.sound[0].pts - units.pictures[0].pts) < 90_000


@pytest.mark.parametrize("payload", ["ps", "ts"])
async def test_a_private_name_is_no_private_format(rig, payload):
    sim = await rig.device(quirks=Quirks(answer="private_rtpmap", payload=payload, pace=4.0))
    _, units = await rig.watch(sim)
    await units.until(lambda: len(units.pictures) >= 5)


@pytest.mark.parametrize("answer", ["full", "private_rtpmap"])
async def test_a_private_format_is_refused_by_name(rig, answer):
    sim = await rig.device(quirks=Quirks(answer=answer, payload="dhav", pace=4.0))
    session, _ = await rig.watch(sim)
    with pytest.raises(MediaError) as caught:
        await session.run()
    assert caught.value.reason == "unsupported-payload"


@pytest.mark.parametrize("framing", ["interleaved", "private"])
@pytest.mark.parametrize("transport", ["tcp-passive", "tcp-active"])
async def test_other_framings_are_seen(rig, framing, transport):
    sim = await rig.device(quirks=Quirks(framing=framing, pace=4.0))
    session, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 12)
    assert [each.payload for each in units.pictures][:12] == [each.data for each in pictures_sent(sim)][:12]
    assert session.media.counts["resync"] == 0


@pytest.mark.parametrize("pts", ["none", "constant", "jumps"])
@pytest.mark.parametrize("transport", ["udp", "tcp-passive"])
async def test_times_rise_evenly_whatever_a_device_writes(rig, pts, transport):
    sim = await rig.device(quirks=Quirks(pts=pts, pace=6.0))
    _, units = await rig.watch(sim, transport)
    await units.until(lambda: len(units.pictures) >= 35)
    stamps = [each.pts for each in units.pictures]
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    assert min(steps) > 0
    if pts == "jumps":  # RTP jumps with it; what remains is when pictures came
        assert max(steps) < 10 * 90_000
        assert sorted(steps)[len(steps) // 2] == 9_000
    else:
        assert set(steps) == {9_000}


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(psm="none"),
        Quirks(psm="bad"),
        Quirks(pes_zero=True),
        Quirks(private_pes="yes"),
        Quirks(large_frames=True),
        Quirks(large_frames=True, pes_zero=True),
        Quirks(disorder_packets=True),
    ],
    ids=["no-map", "bad-map", "no-length", "private", "large", "large-no-length", "disorder"],
)
async def test_what_is_wrong_with_ps_costs_no_picture(rig, codec, quirks):
    quirks.pace = 4.0
    sim = await rig.device(media=SMALL.coded(codec), quirks=quirks)
    _, units = await rig.watch(sim, "udp")
    await units.until(lambda: len(units.pictures) >= 22)
    assert len(decoded(units.pictures[:22])) == 22
    assert not any(each.discontinuity for each in units.pictures)
    if not quirks.large_frames:
        assert [e.payload for e in units.pictures][:22] == [e.data for e in pictures_sent(sim)][:22]


async def test_after_loss_the_next_key_frame_shows_what_was_sent(rig):
    sim = await rig.device(quirks=Quirks(loss_percent=4.0, pace=8.0))
    session, units = await rig.watch(sim, "udp")
    await units.until(lambda: len(units.pictures) >= 60 and any(e.discontinuity for e in units.pictures))
    await session.close()
    sent = [each.data for each in pictures_sent(sim)]
    keys = [each.data for each in pictures_sent(sim) if each.keyframe]
    reference, decoder = {}, av.CodecContext.create("h264", "r")
    for data in sent:
        for frame in decoder.decode(av.Packet(data)):
            reference.setdefault(data, frame.to_ndarray().tobytes())
    whole, shown = False, 0
    decoder = av.CodecContext.create("h264", "r")
    for unit in units.pictures:
        whole = unit.payload in keys or (whole and not unit.discontinuity)
        assert unit.payload in sent  # what is damaged is not given out
        if unit.payload in keys:
            decoder = av.CodecContext.create("h264", "r")
        if whole:
            frames = [each.to_ndarray().tobytes() for each in decoder.decode(av.Packet(unit.payload))]
            assert frames in ([], [reference[unit.payload]])
            shown += len(frames)
    assert shown > 5
    assert session.media.order["lost"] > 0
