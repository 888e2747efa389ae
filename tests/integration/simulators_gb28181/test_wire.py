"""Messages that are lost, late, doubled, damaged or oddly written, and registrations that prove nothing."""

import asyncio

import pytest
from gb28181_rig import DEVICE, PASSWORD, SERVER, Rig

from cambus.gb28181.errors import Unconfirmed, Unreachable
from cambus.gb28181.platform import Offline
from cambus.simulators.gb28181.device import RARE_CHARACTER
from cambus.simulators.gb28181.quirks import Quirks
from cambus.simulators.gb28181.simulator import Gb28181Simulator
from cambus.sip.message import Response
from cambus.sip.peer import Peer

PROFILES = ("dahua_ipc", "hik_nvr", "std_2022")


async def catalog(rig, sim):
    return await rig.remote(sim).catalog(now=asyncio.get_running_loop().time)


# --- registration


@pytest.mark.parametrize("profile", PROFILES)
async def test_registrations_look_like_those_of_the_make(rig, profile):
    sim = await rig.device(profile=profile)
    first, proven = sim.said("REGISTER")
    assert first.headers.get("User-Agent") == sim.profile.user_agent
    sender = first.headers.get("From")
    assert ("@3402000000>" in sender) is (profile == "hik_nvr")
    assert ("qop=" in proven.headers.get("Authorization")) is (profile != "dahua_ipc")
    assert first.headers.get("X-GB-Ver") == ("3.0" if profile == "std_2022" else None)
    assert sim.heard("200 REGISTER")


@pytest.mark.parametrize("credentials", ["foreign_nonce", "wrong"])
async def test_a_proof_that_is_none_registers_nobody(rig, credentials):
    sim = await rig.device(online=False, quirks=Quirks(credentials=credentials), retry_s=0.05)
    await sim.wait_for(lambda: len(sim.said("REGISTER")) >= 2)
    await sim.wait_for(lambda: sim.heard("401 REGISTER") or sim.heard("403 REGISTER"))
    assert not rig.online()
    sim.quirks.credentials = "right"
    if credentials == "foreign_nonce":
        await rig.until(rig.online)


async def test_an_old_proof_moves_nothing(rig):
    sim = await rig.device(retry_s=0.05)
    sim.quirks.credentials = "replay"
    sim.agent.register_again()
    await sim.wait_for(lambda: len(sim.heard("401 REGISTER")) >= 3)
    assert len(sim.heard("200 REGISTER")) == 1


@pytest.mark.parametrize("how", ["port", "host"])
async def test_a_device_from_elsewhere_is_not_believed(rig, how):
    sim = await rig.device(quirks=Quirks(keepalive_from=how))
    before = rig.platform.registrar.binding(sim.code).peer
    sim.beat()
    await sim.wait_for(lambda: sim.elsewhere.heard)
    assert sim.elsewhere.heard[0].startswith(b"SIP/2.0 403")
    assert rig.platform.registrar.binding(sim.code).peer == before


async def test_a_device_that_falls_silent_goes_and_one_that_restarts_returns(rig):
    sim = await rig.device(tcp=True)
    sim.drop_connection()
    await sim.wait_for(lambda: len(sim.heard("200 REGISTER")) == 2)
    assert (await rig.remote(sim).info()).ok
    sim.quirks.silent_after_s = 0.001
    with pytest.raises((Unreachable, Unconfirmed)):
        await rig.remote(sim).info()


async def test_a_device_that_leaves_says_so(rig):
    sim = await rig.device()
    await sim.close()
    await rig.until(lambda: any(isinstance(each, Offline) for each in rig.events))


async def test_hearing_no_algorithm_some_firmware_answers_nothing():
    """The challenge of a platform that leaves it out is not heard at all."""
    sim = Gb28181Simulator(
        server=("127.0.0.1", 9), server_code=SERVER, code=DEVICE, password=PASSWORD, profile="dahua_ipc"
    )
    challenge = Response(status=401)
    challenge.headers.add("CSeq", "1 REGISTER")
    challenge.headers.add("WWW-Authenticate", 'Digest realm="3402000000", nonce="1"')
    assert not sim.wire.received(challenge, Peer("udp", "127.0.0.1", 9))
    challenge.headers.set("WWW-Authenticate", 'Digest realm="3402000000", nonce="1", algorithm=MD5')
    assert sim.wire.received(challenge, Peer("udp", "127.0.0.1", 9))


# --- how messages are written


@pytest.mark.parametrize("tcp", [False, True])
@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(line_ends="lf"),
        Quirks(tags="double"),
        Quirks(tags="none"),
        Quirks(empty_host=True),
        Quirks(growing_via=True),
        Quirks(charset="utf8_under_gb"),
        Quirks(charset="gb_under_utf8"),
        Quirks(charset="bom"),
        Quirks(xml="ampersand"),
        Quirks(xml="nul"),
        Quirks(xml="bracket"),
        Quirks(sn="own"),
        Quirks(sum_num="per_message"),
        Quirks(shuffle_parts=True),
        Quirks(part_items=1),
        Quirks(duplicate={"Catalog", "Keepalive", "200 MESSAGE"}),
        Quirks(delay_s={"Catalog": 0.05}),
    ],
    ids=lambda value: (
        ""
        if isinstance(value, bool)
        else ",".join(name for name, each in value.as_json().items() if each != Quirks().as_json()[name])
    ),
)
async def test_a_catalog_survives_how_it_is_written(rig, quirks, tcp):
    sim = await rig.device(channels=6, quirks=quirks, tcp=tcp)
    result = await catalog(rig, sim)
    assert set(result.items) == {each.code for each in sim.device.catalog()}
    names = [result.items[code].name for code in sim.channels]
    if quirks.xml == "right":
        assert all(RARE_CHARACTER in each for each in names)
    assert {result.items[code].manufacturer for code in sim.channels} == {"Cambus"}


@pytest.mark.parametrize("length", ["missing", "long"])
async def test_a_wrong_length_over_udp(rig, length):
    sim = await rig.device(channels=2)
    sim.quirks.content_length = length
    if length == "missing":
        assert (await catalog(rig, sim)).outcome.value == "complete"
        return
    sim.beat()
    await sim.wait_for(lambda: sim.heard("400 MESSAGE"))
    assert rig.platform.registrar.online(sim.code)


async def test_a_short_length_is_mended_where_the_end_is_there(rig):
    sim = await rig.device(channels=2, quirks=Quirks(content_length="short"))
    assert (await catalog(rig, sim)).outcome.value == "complete"


async def test_parts_that_are_lost_leave_a_partial_catalog(rig):
    sim = await rig.device(channels=10, quirks=Quirks(lose_parts={2}))
    result = await catalog(rig, sim)
    assert (result.outcome.value, len(result.items), result.announced) == ("partial", 8, 12)
    sim.quirks.update({"lose_parts": "", "sum_num": "too_high"})
    result = await catalog(rig, sim)
    assert (result.outcome.value, len(result.items), result.announced) == ("partial", 12, 22)


async def test_a_document_type_is_refused(rig):
    sim = await rig.device(quirks=Quirks(xml="doctype"))
    sim.beat()
    await sim.wait_for(lambda: sim.heard("400 MESSAGE"))


async def test_damaged_bodies_cost_nobody_the_registration(rig):
    sim = await rig.device(quirks=Quirks(corrupt={"Keepalive"}))
    for _ in range(20):
        sim.beat()
    await sim.wait_for(lambda: len(sim.heard("200 MESSAGE")) + len(sim.heard("400 MESSAGE")) >= 20)
    assert rig.platform.registrar.online(sim.code)


async def test_messages_are_repeated_until_they_are_heard():
    async with Rig() as rig:
        sim = await rig.device(quirks=Quirks(ignore={"DeviceInfo"}))
        question = asyncio.create_task(rig.remote(sim).info())
        await sim.wait_for(lambda: len(sim.heard("DeviceInfo")) >= 2)
        sim.quirks.ignore = set()
        assert (await question).ok


# --- how the makes look


async def test_the_layouts_of_the_makes(rig):
    for number, (profile, start) in enumerate(
        [
            (
                "dahua_ipc",
                b'<?xml version="1.0" encoding="GB2312" ?>\n<Notify>\n    <CmdType>Keepalive</CmdType>\n',
            ),
            ("hik_nvr", b'<?xml version="1.0" encoding="gb2312"?>\n<Notify>\n<CmdType>Keepalive</CmdType>\n'),
            ("std_2022", b'<?xml version="1.0" encoding="GB18030"?>\r\n<Notify>\r\n<CmdType>'),
        ]
    ):
        sim = await rig.device(code=f"3402000000132000002{number}", profile=profile)
        sim.beat()
        await sim.wait_for(lambda sim=sim: sim.said("Keepalive"))
        assert sim.said("Keepalive")[0].body.startswith(start)


async def test_a_keepalive_is_as_long_as_a_real_one(rig):
    sim = await rig.device(profile="dahua_ipc")
    for _ in range(100):
        sim.agent.next_sn()
    sim.beat()
    await sim.wait_for(lambda: sim.said("Keepalive"))
    assert len(sim.said("Keepalive")[0].body) == 180
