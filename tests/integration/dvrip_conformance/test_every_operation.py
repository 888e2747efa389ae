"""Every operation there is: over answers in parts, over a connection the device made, and over answers of nonsense."""

import asyncio
import itertools
from typing import Any

import pytest
from dvrip_operations import ENDINGS, OPERATIONS, ask_everything, missing

from cambus.dvrip.errors import DvripError
from cambus.dvrip.profile import Profile, Topology
from cambus.dvrip.wire import serialize

PATIENT_S = 60.0


async def test_no_operation_is_left_out(recorder, dial):
    assert missing(await dial(recorder)) == set()


#: Answers that do not fit into 150 bytes.
LONG = {1021, 1043, 1045, 1361, 1441, 1443, 1445, 1473, 1475, 1543, 1545}


@pytest.fixture
async def whole(make_recorder, dial) -> dict[str, Any]:
    """What every operation gives when each answer is one packet."""
    return await ask_everything(await dial(await make_recorder(export="end_flag")))


async def test_answers_in_parts_of_150_bytes_give_what_whole_ones_give(whole, make_recorder, dial, parts):
    assert not parts.total()
    recorder = await make_recorder(fragment_bytes=150, export="fragments")
    client = await dial(recorder)
    in_parts = await ask_everything(client)
    assert in_parts == whole
    assert client.control.session.counters["fragment_errors"] == 0
    assert {message_id for message_id, count in parts.items() if count > 1} >= LONG


TAILS = ["lfnul", "lf", "nul", "none", "crlf"]
TOPOLOGIES = [Topology.TWO_SOCKETS, Topology.OWN_SESSION]
#: Version, bytes per part, topology, and where the answer to Start comes.
MODES = list(itertools.product([0, 1, 7], [0, 150, 1000], TOPOLOGIES, ["never", "before", "after"]))


async def ask_in(make_recorder, dial, tail, mode) -> dict[str, Any]:
    """What every operation gives in one mode of the wire."""
    version, fragment_bytes, topology, start_reply = mode
    export = "fragments" if fragment_bytes else "end_flag"
    recorder = await make_recorder(
        tail=tail, version=version, fragment_bytes=fragment_bytes, start_reply=start_reply, export=export
    )
    client = await dial(recorder, Profile(topology=topology))
    results = await ask_everything(client)
    assert client.control.session.counters["fragment_errors"] == 0
    await client.close()
    return results


@pytest.mark.parametrize("tail", TAILS)
async def test_in_a_cross_section_of_wire_modes_operations_give_the_same(whole, make_recorder, dial, tail):
    for mode in MODES[TAILS.index(tail) :: 23]:  # 23 is prime to every dimension: all values occur
        assert await ask_in(make_recorder, dial, tail, mode) == whole, mode


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("tail", TAILS)
async def test_in_all_combinations_of_wire_modes_operations_give_the_same(whole, make_recorder, dial, tail):
    for mode in MODES:
        assert await ask_in(make_recorder, dial, tail, mode) == whole, mode


async def test_a_device_that_dialled_us_does_all_that_a_dialled_one_does(whole, make_recorder, register):
    recorder = await make_recorder()
    device = await register(recorder)
    over_registration = await ask_everything(device)
    # Where the platform is, is in the settings of the one and not of the other.
    for results in (whole, over_registration):
        del results["transfers.export_config"]
    assert over_registration == whole


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("fragment_bytes", [0, 150])
async def test_what_takes_the_device_down_works_over_both_connections(
    make_recorder, dial, register, name, fragment_bytes
):
    for connect in (dial, register):
        recorder = await make_recorder(fragment_bytes=fragment_bytes, reboot_s=0.1)
        device = await connect(recorder)
        async with asyncio.timeout(PATIENT_S):
            await ENDINGS[name](device)
            await device.wait_closed()
        assert len(recorder.images) == (name == "upgrades.run")
        assert not device.is_online


ANSWERS = {
    "nothing": b"",
    "an empty object": b"{}",
    "only a code": b'{"Ret":100}\n\x00',
    "no code": b'{"Name":"x"}\n\x00',
    "null for everything": b'{"Name":null,"Ret":100,"SessionID":null}\n\x00',
    "an unlisted code": b'{"Ret":-1}\n\x00',
    "a code that is none": b'{"Ret":{}}\n\x00',
}
#: Requests whose answers open and keep the session itself.
SESSION = (1000, 1002, 1006)


@pytest.mark.parametrize("answer", ANSWERS)
async def test_no_answer_without_a_name_code_or_session_breaks_an_operation(recorder, dial, answer):
    """Each ends in a result or in an error of the library, and the session goes on."""
    client = await dial(recorder, first_media=0.05, media_silence=0.05, release=0.05, upgrade_progress=0.05)
    role = recorder.role

    def blank(request, reply):
        if request.message_id in SESSION:
            return encode(request, reply)
        return serialize(
            request.message_id + 1, ANSWERS[answer], session_id=request.session.session_id, version=1
        )

    encode = role.encode_reply
    role.encode_reply = blank
    for name, operation in {**OPERATIONS, "upgrades.run": ENDINGS["upgrades.run"]}.items():
        try:
            async with asyncio.timeout(PATIENT_S):
                await operation(client)
        except (DvripError, ValueError):  # ValueError: the table's own, unpacking what was not found
            assert client.is_online, name
    assert client.is_online
    role.encode_reply = encode
    assert (await client.system.info()).serial == recorder.device.identity.serial
