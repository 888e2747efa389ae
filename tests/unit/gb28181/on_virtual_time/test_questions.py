"""Questions and their answers: matched by number, missed, refused, ended by the device going (GB-025, GB-061 on)."""

import asyncio

import pytest

from cambus.gb28181.errors import DeviceOffline, Refused, Unconfirmed, Unreachable, Unsupported
from cambus.gb28181.manscdp.control import DeviceControl, home_position, keyframe
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.manscdp.ptz_state import (
    CruiseList,
    CruiseListQuery,
    CruiseQuery,
    HomePositionQuery,
    PtzPositionQuery,
)
from cambus.gb28181.manscdp.records import RecordQuery
from cambus.gb28181.manscdp.storage import CardQuery
from cambus.gb28181.ptz import STOP, Move, move
from cambus.gb28181.versions import Version
from cambus.gb28181.xml import Element

CHANNEL = "34020000001310000001"
NAME = [Element("DeviceName", "gate")]
OK = [Element("Result", "OK")]


async def test_the_answer_comes_after_the_200(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, NAME)
    assert (await rig.device.info()).name == "gate"


async def test_the_answer_may_come_before_the_200(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, NAME, after_s=0.0)
    rig.line.delay_s = 3.0
    assert (await rig.device.info()).name == "gate"


async def test_no_two_questions_have_one_number(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, NAME)
    await asyncio.gather(*(rig.device.info() for _ in range(20)))
    numbers = [each.sn for each in rig.line.sent]
    assert len(set(numbers)) == 20
    assert min(numbers) >= 1


async def test_a_number_that_is_not_echoed_is_no_matter_while_one_question_of_its_kind_is_open(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, NAME, sn=7)
    assert (await rig.device.info()).name == "gate"


async def test_a_number_that_is_not_echoed_answers_neither_of_two_questions(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, NAME, sn=7)
    outcomes = await asyncio.gather(rig.device.info(), rig.device.info(), return_exceptions=True)
    assert [type(each) for each in outcomes] == [Unconfirmed, Unconfirmed]


async def test_what_nobody_waits_for_is_dropped_and_counted(rig):
    body = compose(Root.RESPONSE, "DeviceInfo", 3, rig.device.code, NAME)
    assert not rig.device.answered(Envelope.parse(body))
    assert rig.device.stray == 1


async def test_an_answer_that_is_late_answers_no_later_question(rig):
    with pytest.raises(Unconfirmed):
        await rig.device.info()
    late = rig.line.sent[0]
    rig.line.on_send = lambda asked: rig.answers(late, NAME)
    with pytest.raises(Unconfirmed):
        await rig.device.info()


async def test_an_answer_that_never_comes_is_unconfirmed_after_ten_seconds(rig, loop):
    before = loop.time()
    with pytest.raises(Unconfirmed):
        await rig.device.info()
    assert loop.time() - before == pytest.approx(10.0, abs=0.1)


async def test_a_result_that_never_comes_is_unconfirmed_after_five_seconds(rig, loop):
    before = loop.time()
    with pytest.raises(Unconfirmed):
        await rig.device.control(DeviceControl(guard="SetGuard"), rig.device.code)
    assert loop.time() - before == pytest.approx(5.0, abs=0.1)


async def test_silence_is_unreachable(rig, loop):
    rig.line.status = 0
    before = loop.time()
    with pytest.raises(Unreachable):
        await rig.device.info()
    assert loop.time() - before == pytest.approx(32.0, abs=0.1)


@pytest.mark.parametrize("status", [400, 403, 404, 481, 486, 488, 500, 503, 600])
async def test_a_refusal_is_told_with_its_status(rig, status):
    rig.line.status = status
    with pytest.raises(Refused) as refused:
        await rig.device.info()
    assert refused.value.status == status
    assert f"(SIP {status})" in refused.value.text


@pytest.mark.parametrize(("status", "error"), [(480, DeviceOffline), (405, Unsupported), (501, Unsupported)])
async def test_a_status_that_says_more_is_understood(rig, status, error):
    rig.line.status = status
    with pytest.raises(error, match=f"SIP {status}"):
        await rig.device.info()


async def test_a_result_that_says_no_is_a_refusal(rig):
    rig.line.on_send = lambda asked: rig.answers(asked, [Element("Result", "ERROR")], command="DeviceControl")
    with pytest.raises(Refused):
        await rig.device.control(home_position(enabled=True), CHANNEL)


async def test_a_device_that_goes_ends_what_waits_for_it(rig):
    waiting = [
        asyncio.create_task(work)
        for work in (
            rig.device.info(),
            rig.device.control(DeviceControl(guard="SetGuard"), CHANNEL),
            rig.device.catalog(now=rig.now),
        )
    ]
    await rig.asked(3)
    rig.device.gone()
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(each) for each in outcomes} == {DeviceOffline}


async def test_a_device_that_is_not_there_is_not_asked(rig):
    rig.line.peer = None
    with pytest.raises(DeviceOffline):
        await rig.device.info()
    assert not rig.line.sent


async def test_at_most_four_requests_are_under_way(rig):
    rig.line.delay_s = 1.0
    rig.line.on_send = lambda asked: rig.answers(asked, NAME, after_s=0.5)
    await asyncio.gather(*(rig.device.info() for _ in range(10)))
    assert rig.line.most_under_way == 4


async def test_controls_of_one_channel_are_sent_one_after_the_other_and_in_the_order_of_the_calls(rig):
    under_way = []
    rig.line.on_send = lambda _: under_way.append(rig.line.under_way)
    speeds = range(1, 30)
    await asyncio.gather(
        *(
            rig.device.control(DeviceControl(ptz=move(Move.UP, tilt_speed=each).hex()), CHANNEL)
            for each in speeds
        )
    )
    assert [int(each.element.get("PTZCmd")[10:12], 16) for each in rig.line.sent] == list(speeds)
    assert set(under_way) == {1}


async def test_a_stop_waits_for_no_result(rig, loop):
    """A command whose result never comes must not hold the head in motion."""
    slow = asyncio.create_task(rig.device.control(DeviceControl(record="Record"), CHANNEL))
    await rig.asked()
    before = loop.time()
    await rig.device.control(DeviceControl(ptz=STOP.hex()), CHANNEL)
    assert loop.time() - before < 0.1
    with pytest.raises(Unconfirmed):
        await slow


async def test_ptz_and_key_frames_wait_for_no_result(rig, loop):
    before = loop.time()
    for control in (
        DeviceControl(ptz=STOP.hex()),
        keyframe(rig.line.version),
        DeviceControl(boot="Boot"),
        DeviceControl(iframe="Send"),
    ):
        await rig.device.control(control, CHANNEL)
    assert loop.time() - before < 0.2


@pytest.mark.parametrize(
    "query", [HomePositionQuery(), CruiseListQuery(), CruiseQuery(0), PtzPositionQuery(), CardQuery()]
)
async def test_a_question_of_2022_is_not_sent_to_an_older_device(rig, query):
    with pytest.raises(Unsupported, match=r"2\.0"):
        await rig.device.ask(query, CruiseList, CHANNEL)
    assert not rig.line.sent


@pytest.mark.parametrize(
    "control",
    [
        DeviceControl(precise=None, format_card=0),
        DeviceControl(track="Auto"),
        DeviceControl(record="Record", stream_number=0),
    ],
)
async def test_a_control_of_2022_is_not_sent_to_an_older_device_unless_forced(rig, control):
    with pytest.raises(Unsupported):
        await rig.device.control(control, CHANNEL)
    assert not rig.line.sent
    rig.line.on_send = lambda asked: rig.answers(asked, OK, command="DeviceControl")
    await rig.device.control(control, CHANNEL, force=True)
    rig.line.version = Version.GB2022
    await rig.device.control(control, CHANNEL)
    assert len(rig.line.sent) == 2


async def test_settings_and_searches_of_2022_are_not_sent_to_an_older_device_unless_forced(rig):
    now = rig.now
    for work in (
        rig.device.config(["BasicParam", "OSDConfig"]),
        rig.device.configure(Element("FrameMirror", "1")),
        rig.device.records(RecordQuery(stream_number=1), CHANNEL, now=now),
    ):
        with pytest.raises(Unsupported):
            await work
    assert not rig.line.sent
    rig.line.on_send = lambda asked: rig.answers(asked, OK, command="DeviceConfig")
    await rig.device.configure(Element("FrameMirror", "1"), force=True)


async def test_a_forced_question_is_sent(rig):
    rig.line.on_send = rig.answers
    assert (await rig.device.ask(CruiseListQuery(), CruiseList, CHANNEL, force=True)).cruises == ()
