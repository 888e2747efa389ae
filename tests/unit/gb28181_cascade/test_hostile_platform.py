"""What a broken or hostile upper platform says costs an answer, and nothing else."""

import asyncio
import random
from types import SimpleNamespace

import pytest

from cambus.bus.metrics import Metrics
from cambus.client.tasks import TaskSet
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.heads import Head
from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.connector_gb28181.cascade.nodes import Node, SharedSet
from cambus.connector_gb28181.cascade.orders import Orders
from cambus.connector_gb28181.cascade.questions import Questions
from cambus.connector_gb28181.cascade.session import may_receive
from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.gb28181.errors import OutOfRange
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.ptz import PtzCommand
from cambus.schemas.errors import CambusError, Offline
from cambus.schemas.state.cascade import CascadeLink
from cambus.sip.message import Request

OURS, CAMERA = "34020000002000000002", "34020000001310000001"
CONTROLS = (
    "<HomePosition><Enabled>1</Enabled><PresetIndex>999999999</PresetIndex></HomePosition>",
    "<DragZoomIn><Length>0</Length></DragZoomIn>",
    "<DragZoomIn><Length>-5</Length><Width>x</Width></DragZoomIn>",
    "<PTZPreciseCtrl><Pan>1e300</Pan></PTZPreciseCtrl>",
    "<PTZPreciseCtrl><Tilt>200</Tilt><Zoom>-3</Zoom></PTZPreciseCtrl>",
    "<FormatSDCard>-1</FormatSDCard>",
    "<RecordCmd>Perhaps</RecordCmd>",
    "<PTZCmd>A50F01FF0000004F</PTZCmd>",
    "<PTZCmd>nonsense</PTZCmd>",
    "<Unheard>1</Unheard>",
    "",
)
QUESTIONS = (
    "<CmdType>RecordInfo</CmdType><SN>x</SN><StartTime>yesterday</StartTime>",
    "<CmdType>CruiseTrackQuery</CmdType><SN>-4</SN><Number>99999999999</Number>",
    "<CmdType>ConfigDownload</CmdType><SN>1</SN><ConfigType>////&lt;</ConfigType>",
    "<CmdType>ConfigDownload</CmdType>",
    "<CmdType>Weather</CmdType><SN>1</SN>",
)


@pytest.fixture
def context():
    link = CascadeLink.model_validate(
        {
            "id": "up",
            "code": OURS,
            "server_code": OURS,
            "server_address": "192.0.2.1:5060",
            "permissions": {"format": True, "config": True, "upgrade": True, "reboot": True},
        }
    )
    sent = []

    async def send(body):
        sent.append(Envelope.parse(body))

    async def call(*args, **kwargs):
        raise Offline("nobody is there")

    made = LinkContext(
        link,
        None,
        SimpleNamespace(call=call),
        CascadeSettings(),
        CascadeMetrics(Metrics()),
        tasks=TaskSet(100),
    )
    made.agent = SimpleNamespace(
        send=send,
        peer=None,
        settings=SimpleNamespace(charset="GB2312", expires_s=1, keepalive_s=1.0),
        next_sn=lambda: 1,
    )
    made.shared = SharedSet([Node(OURS, "us"), Node(CAMERA, "camera", (OURS,), device="cam", channel=0)])
    made.sent = sent
    return made


@pytest.mark.parametrize("content", CONTROLS)
@pytest.mark.parametrize("code", [OURS, CAMERA])
async def test_a_control_without_sense_is_refused_and_nothing_breaks(context, caplog, content, code):
    body = (
        f"<Control><CmdType>DeviceControl</CmdType><SN>7</SN><DeviceID>{code}</DeviceID>{content}</Control>"
    )
    envelope = Envelope.parse(body.encode())
    status = Orders(context).give(context.shared.node(code), envelope, Request(method="MESSAGE", uri="sip:x"))
    assert status in {200, 400, 403}
    await context.tasks.wait(5.0)
    assert len(context.tasks) == 0
    assert all(each.result is False for each in context.sent)
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("content", QUESTIONS)
async def test_a_question_without_sense_breaks_nothing(context, caplog, content):
    body = f"<Query>{content}<DeviceID>{CAMERA}</DeviceID></Query>"
    assert Questions(context).ask(context.shared.node(CAMERA), Envelope.parse(body.encode())) == 200
    await context.tasks.wait(5.0)
    assert len(context.tasks) == 0
    assert "Traceback" not in caplog.text


async def test_any_eight_bytes_are_a_command_or_are_refused():
    chance = random.Random(1)

    async def call(spec, request):
        assert isinstance(request, spec.request)
        return SimpleNamespace(tours=[])

    head = Head(0)
    for _ in range(5000):
        command = PtzCommand(
            chance.randrange(256), *(chance.randrange(256) for _ in range(2)), chance.randrange(16)
        )
        try:
            await head.obey(command, call)
        except (OutOfRange, CambusError):
            continue
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("host", "loopback", "allowed", "may"),
    [
        ("10.0.0.9", False, [], True),
        ("192.0.2.1", False, ["10.0.0.1"], True),
        ("10.0.0.9", False, ["10.0.0.1"], False),
        ("127.0.0.1", False, [], False),
        ("127.0.0.1", True, [], True),
        ("::1", False, [], False),
        ("224.0.0.5", True, [], False),
        ("169.254.169.254", True, [], False),
        ("0.0.0.0", True, [], False),
        ("metadata.internal", True, [], False),
    ],
)
def test_media_is_sent_where_it_may(host, loopback, allowed, may):
    assert may_receive(host, "192.0.2.1", allowed, loopback=loopback) is may
