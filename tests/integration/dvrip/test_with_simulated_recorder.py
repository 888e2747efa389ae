"""Everything a connector does, against the simulated recorder in every mood of the wire."""

import asyncio
import hashlib
import itertools

import av
import pytest
from recorder_tour import PATIENT_S, das, take, tour, upgrade_package

from cambus.dvrip.frames import AudioFrame, VideoFrame
from cambus.dvrip.messages.search import FileQuery
from cambus.dvrip.profile import Profile, Topology
from cambus.media.frame import Codec

TAILS = ["lfnul", "lf", "nul", "none", "crlf"]


VERSIONS = [0, 1, 7]


FRAGMENTS = [0, 150, 1000]


TOPOLOGIES = [Topology.TWO_SOCKETS, Topology.OWN_SESSION]


START_REPLIES = ["never", "before", "after"]


MATRIX = list(itertools.product(VERSIONS, FRAGMENTS, TOPOLOGIES, START_REPLIES))


async def tours(recorder, opened, tail, matrix) -> None:
    recorder.quirks.tail = tail
    recorder.quirks.pace = 0
    for version, fragment_bytes, topology, start_reply in matrix:
        recorder.quirks.version = version
        recorder.quirks.fragment_bytes = fragment_bytes
        recorder.quirks.start_reply = start_reply
        client = await opened.open(Profile(topology=topology))
        try:
            await tour(client, recorder)
        except Exception as error:
            error.add_note(f"{version=} {fragment_bytes=} {topology=} {start_reply=}")
            raise
        await client.close()
    await recorder.wait_for(lambda: recorder.connection_count == 0)


@pytest.mark.parametrize("tail", TAILS)
async def test_the_tour_in_a_cross_section_of_wire_modes(recorder, opened, tail):
    start = TAILS.index(tail)
    await tours(recorder, opened, tail, MATRIX[start::11])  # 11 is prime to every dimension: all values occur


@pytest.mark.slow
@pytest.mark.parametrize("tail", TAILS)
async def test_the_tour_in_every_tail_version_fragment_topology_and_answer_to_start(recorder, opened, tail):
    await tours(recorder, opened, tail, MATRIX)


@pytest.mark.parametrize(
    "quirks",
    [
        {"sequence": "echo_plus_1"},
        {"sequence": "own"},
        {"sequence": "zero"},
        {"sid_format": "short"},
        {"sid_format": "ten_digits"},
        {"sid_format": "lower"},
        {"sid_format": "none"},
        {"keys": "modern"},
        {"alive_interval": -1},
        {"device_type_space": False},
        {"text_encoding": "gbk"},
        {"text_encoding": "latin-1"},
        {"raw_control": True},
        {"segment_bytes": 1, "fragment_bytes": 700},
        {"fragment_bytes": 150, "fragment_order": "shuffled"},
        {"chunk_mode": "frame"},
        {"chunk_mode": "joined"},
        {"chunk_mode": "dribble"},
        {"chunk_mode": "split_header"},
        {"chunk_bytes": 100},
        {"media_marks": True},
        {"mid_gop_start": True},
        {"service_blocks": True},
        {"info_frames": True, "audio": False},
        {"end_of_file": "flag_on_last"},
        {"end_of_file": "zero_length"},
        {"end_of_file": "message_1423"},
        {"end_of_file": "message_1423_json"},
        {"end_of_file": "silence"},
        {"list_keys": "seed"},
        {"search_codes": "110_111"},
        {"snapshot": "many"},
        {"snapshot": "frame"},
        {"alarm_misspelled": True},
        {"topology": "one_socket"},
        {"topology": "two_sockets"},
        {"double_ids": {1020, 1042, 1440}},
        {"config_merge": False},
    ],
    ids=str,
)
async def test_the_tour_in_every_other_mood(recorder, opened, quirks):
    recorder.quirks.pace = 0
    recorder.quirks.update(quirks)
    client = await opened.open()
    await tour(client, recorder)


async def test_the_seed_ids_work_for_both(recorder, opened):
    recorder.quirks.seed_ids = True
    recorder.quirks.pace = 0
    client = await opened.open(Profile(seed_ids=True))
    await tour(client, recorder)
    await client.close()
    await recorder.wait_for(lambda: not recorder.sessions)


@pytest.mark.parametrize(("channel", "codec", "decoder"), [(0, Codec.H264, "h264"), (1, Codec.H265, "hevc")])
@pytest.mark.parametrize("source", ["live", "download"])
async def test_an_independent_decoder_takes_every_frame(recorder, opened, channel, codec, decoder, source):
    recorder.quirks.service_blocks = True
    recorder.quirks.mid_gop_start = source == "live"
    recorder.quirks.pace = 4 if source == "live" else 0
    client = await opened.open()
    if source == "live":
        stream = await client.open_live(channel)
        frames = await take(stream, 300)
        await stream.stop()
        assert stream.counters["service_blocks"] > 0
    else:
        day = await client.machine.time()
        span = FileQuery(channel, day.replace(year=day.year - 1), day.replace(year=day.year + 1))
        (record, *_) = await client.files.find(span)
        download = await client.open_playback(channel, record.name, download=True)
        async with asyncio.timeout(PATIENT_S):
            frames = [frame async for frame in download]
        await download.close()
    video = [frame for frame in frames if isinstance(frame, VideoFrame)]
    assert {frame.codec for frame in video} == {codec}
    assert any(isinstance(frame, AudioFrame) and frame.codec is Codec.PCMA for frame in frames)
    context = av.CodecContext.create(decoder, "r")
    pictures = [picture for frame in video for picture in context.decode(av.Packet(frame.payload))]
    pictures += context.decode(None)
    assert len(pictures) == len(video)
    assert {(picture.width, picture.height) for picture in pictures} == {(320, 240)}


@pytest.mark.parametrize(
    "quirks",
    [
        {},
        {"das_login_id": "999"},
        {"das_login_id": "1008"},
        {"das_secret": "none_plain"},
        {"das_secret": "none_hash"},
        {"das_id_form": "devicid"},
        {"tail": "crlf", "fragment_bytes": 150},
    ],
    ids=str,
)
async def test_the_whole_tour_over_a_connection_the_device_made(recorder, opened, registrar, quirks):
    recorder.quirks.pace = 0
    recorder.quirks.update(quirks)
    dialled = await opened.open()
    await dialled.config.merge("NetWork.DAS", das(registrar.listener.port))
    device = await registrar.next()
    assert device.device_id == "gate-7"
    await tour(device, recorder)
    await dialled.config.merge("NetWork.DAS", {"Enable": False})
    async with asyncio.timeout(PATIENT_S):
        await device.wait_closed()


async def test_an_upgrade_over_a_connection_the_device_made(recorder, opened, registrar):
    dialled = await opened.open()
    await dialled.config.merge("NetWork.DAS", das(registrar.listener.port))
    device = await registrar.next()
    image = upgrade_package(await device.upgrades.info())
    async with asyncio.timeout(PATIENT_S):
        await device.upgrades.run(image, confirm=True)
        await device.wait_closed()
    assert recorder.images[-1].sha256 == hashlib.sha256(image).hexdigest()
    again = await registrar.next()
    assert again.is_online
