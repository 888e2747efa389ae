"""What a device writes is text wherever it goes: never markup, a header, or a line of a log (GB-274)."""

import logging
import re

import pytest
from gb28181_by_hand import DEVICE, Platform, hand_device
from gb28181_rig import Rig
from sip_peer import UdpDevice, request_text

from cambus.gb28181.errors import Unreachable
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.catalog import CatalogEvent, CatalogPart
from cambus.gb28181.manscdp.envelope import Envelope, Root, compose
from cambus.gb28181.media_session import SessionOrder
from cambus.gb28181.registrar import Online
from cambus.sip.errors import LocalProtocolError
from cambus.sip.message import Response

MARKUP = "</Name><Name>evil</Name><![CDATA[ & \" ' <DeviceID>1</DeviceID>"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@pytest.fixture
async def platform():
    async with Platform() as made:
        yield made


def item_body(name):
    """A catalog of one camera with a name, as a device that escapes well writes it."""
    part = compose(Root.RESPONSE, "Catalog", 1, DEVICE).decode()
    text = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    listed = (
        f"<SumNum>1</SumNum><DeviceList Num='1'><Item><DeviceID>{DEVICE}</DeviceID><Name>{text}</Name></Item>"
    )
    return part.replace("</Response>", f"{listed}</DeviceList></Response>").encode()


def test_markup_in_a_name_stays_a_name_when_it_is_passed_on():
    (item,) = CatalogPart.parse(Envelope.parse(item_body(MARKUP))).items
    assert item.name == MARKUP
    change = catalogs.CatalogChange(CatalogEvent.ADD, item)
    again = Envelope.parse(catalogs.notify(2, DEVICE, [change], charset="GB18030"))
    (listed,) = again.element.find("DeviceList").all("Item")
    assert [each.text for each in listed.all("Name")] == [MARKUP]
    assert [each.text for each in listed.all("DeviceID")] == [DEVICE]


async def test_a_code_with_markup_in_it_is_echoed_as_text(platform):
    async with hand_device(platform) as device:
        code = '1</DeviceID><Result>ERROR</Result><DeviceID a="'
        alarm = compose(Root.NOTIFY, "Alarm", 7, code)
        assert await device.tell(alarm) == 200
        answer = await device.asked()
        assert (answer.command, answer.sn, answer.code) == ("Alarm", 7, code.strip())
        assert [each.text for each in answer.element.all("Result")] == ["OK"]


@pytest.mark.parametrize(
    "text", ["a\rX-Evil: 1", "a\r\n X-Evil: 1", "a\r\n\tX-Evil: 1\r\n Y: 2", "a\x00X-Evil: 1"]
)
@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "Via"])
async def test_nothing_echoed_begins_a_header_of_its_own(platform, name, text):
    async with UdpDevice() as device:
        usual = {
            "From": "<sip:34020000001320000001@a>;tag=1",
            "To": "<sip:34020000002000000001@a>",
            "Call-ID": "c",
            "Via": "SIP/2.0/UDP a;branch=z9hG4bK1",
        }
        changes = {"From": "from_", "To": "to", "Call-ID": "call_id"}
        value = f"{usual[name]};{text}"
        device.say(
            request_text("OPTIONS", **({"via": [value]} if name == "Via" else {changes[name]: value})),
            platform.gb.port,
        )
        answer = await device.hears()
        assert isinstance(answer, Response)
        assert {each for each, _ in answer.headers} <= {
            *("Via", "From", "To", "Call-ID", "CSeq", "User-Agent"),
        }


async def test_what_a_device_says_of_itself_is_kept_without_control_characters(platform):
    async with hand_device(platform, register=False) as device:
        headers = ["User-Agent: \x1b[31mCamera\x07\x00 \u0085", "X-GB-Ver: \x1b"]
        contact = "<sip:34020000001320000001@\x1b[2J>"
        assert (await device.register(headers=headers, contact=contact)).status == 200
        (online,) = platform.of(Online)
        assert not _CONTROL.search(online.binding.user_agent + online.binding.contact)


@pytest.mark.parametrize("code", ["1\r\nX-Evil: 1", "1\nX-Evil: 1", "1\r"])
async def test_a_channel_that_would_break_a_header_is_not_called(code):
    async with Rig() as rig:
        sim = await rig.device()
        request = rig.platform.compose("INVITE", code, sim.agent.peer, sequence=1)
        with pytest.raises(LocalProtocolError):
            await rig.platform.endpoint.request(request, rig.platform.registrar.binding(sim.code).peer)
        with pytest.raises(Unreachable):
            await rig.sessions.open(sim.code, SessionOrder(code, transport="udp"), lambda _: None)
        await rig.remote(sim).info()
        assert not [
            each for each in sim.messages if each.name == "INVITE" or "X-Evil" in each.message.headers
        ]


async def test_no_log_line_holds_what_a_device_wrote_but_escaped(platform, caplog):
    caplog.set_level(logging.DEBUG)
    evil = "\nERROR admin logged in\x1b[2J"
    async with hand_device(platform) as device:
        for body in (
            f"<Notify><CmdType>Keepalive{evil}</CmdType></Notify>",
            f"<{'x' * 20}{evil}/>",
            f"no XML at all{evil}",
            f"<Notify><CmdType>Alarm</CmdType><SN>{evil}</SN><AlarmPriority>{evil}</AlarmPriority></Notify>",
        ):
            await device.tell(body.encode())
        device.say("MESSAGE", headers=[f"a line without a colon {evil}".replace("\n", "\r")])
        await device.response()
        await device.keepalive()
    records = [each for each in caplog.records if each.name.startswith("cambus")]
    assert records
    for record in records:
        shown = [record.getMessage(), *(value for value in vars(record).values() if isinstance(value, str))]
        assert not any(_CONTROL.search(text) for text in shown), shown
