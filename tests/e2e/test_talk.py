"""`cambusctl talk`: what is in a file comes out of the recorder's loudspeaker, and nobody keeps it by accident."""

import asyncio
import math
import signal
import wave
from array import array

import pytest
import pytest_asyncio
from suite import recorder_device, running_suite

from cambus.media.g711 import decode_alaw, encode_alaw
from cambus.simulators.tone import channel_tone

pytestmark = pytest.mark.asyncio(loop_scope="module")

DEVICE = "door"
HEAD = bytes.fromhex("000001fa0e024001")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door():
    async with recorder_device() as simulator:
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def suite(folder, door):
    async with running_suite(folder, "connector-dvrip") as running:
        await running.add(DEVICE, door.port)
        await running.online(DEVICE)
        yield running


def speech(path, seconds):
    """A WAV file of a rising tone; its samples."""
    samples = array(
        "h", (round(9000 * math.sin(at * (0.2 + at / 4e5))) for at in range(round(8000 * seconds)))
    )
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return samples.tobytes()


def packets(door):
    recent = bytes(door.device.talk.recent)
    return [recent[at : at + 328] for at in range(0, len(recent), 328)]


async def test_what_is_in_the_file_is_heard_bit_for_bit_and_the_microphone_is_written(suite, door, tmp_path):
    pcm = speech(tmp_path / "speech.wav", 1.2)
    door.device.talk.recent.clear()
    ran = await suite.cambusctl(
        "talk",
        DEVICE,
        "--file",
        str(tmp_path / "speech.wav"),
        "--listen",
        str(tmp_path / "heard.wav"),
        "--json",
    )
    assert ran.code == 0, ran
    assert all(packet.startswith(HEAD) for packet in packets(door))
    assert b"".join(packet[8:] for packet in packets(door)) == encode_alaw(pcm)
    assert ran.json["said_s"] == 1.2
    with wave.open(str(tmp_path / "heard.wav"), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
        heard = file.readframes(file.getnframes())
    assert len(heard) > 8000  # half a second
    assert heard in decode_alaw(b"".join(channel_tone(0))) * 10
    assert door.role.media.talker is None


async def test_a_second_talker_is_told_and_ctrl_c_gives_the_loudspeaker_back(suite, door, tmp_path):
    speech(tmp_path / "long.wav", 60)
    speech(tmp_path / "short.wav", 0.2)
    before = door.device.talk.packets
    talking = await suite.begin_cambusctl("talk", DEVICE, "--file", str(tmp_path / "long.wav"))
    try:
        await door.wait_for(lambda: door.device.talk.packets > before, 30)
        second = await suite.cambusctl("talk", DEVICE, "--file", str(tmp_path / "short.wav"))
        assert second.code == 3
        assert "talk-busy" in second.err
        talking.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            assert await talking.wait() == 130
    finally:
        if talking.returncode is None:
            talking.kill()
            await talking.wait()
    assert door.role.media.talker is None
    assert (await suite.cambusctl("talk", DEVICE, "--file", str(tmp_path / "short.wav"))).code == 0


async def test_a_talk_the_device_ends_is_told(suite, door, tmp_path):
    speech(tmp_path / "long.wav", 60)
    before = door.device.talk.packets
    talking = asyncio.create_task(suite.cambusctl("talk", DEVICE, "--file", str(tmp_path / "long.wav")))
    await door.wait_for(lambda: door.device.talk.packets > before + 5, 30)
    door.drop()
    ran = await talking
    assert ran.code == 1
    assert "the device ended the talk" in ran.err
    await suite.online(DEVICE)
