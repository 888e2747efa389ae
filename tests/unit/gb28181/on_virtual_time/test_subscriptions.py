"""Subscriptions to a device: kept alive, made anew, given up (§9, GB-200, GB-201, GB-207)."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from cambus.gb28181.manscdp.alarms import AlarmQuery
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.gb28181.subscriptions import Subscription, Topic, Wanted
from cambus.gb28181.times import Times
from cambus.sip.errors import TransactionTimeout
from cambus.sip.message import Request, Response
from cambus.sip.peer import Peer

DEVICE = "34020000001180000002"
DAY_S = 24 * 3600.0
PEER = Peer("udp", "192.0.2.7", 5060)


class Platform:
    """Takes SUBSCRIBEs to one device; a test says what the device answers."""

    def __init__(self):
        self.settings = SimpleNamespace(times=Times())
        self.registrar = SimpleNamespace(binding=lambda code: self.binding)
        self.endpoint = self
        self.room = asyncio.Semaphore(4)
        self.binding = SimpleNamespace(peer=PEER)
        self.sent = []
        self.heard = []
        self.polled = []
        self.dialogs = {}
        self.answer = lambda number: (200, {"Expires": "600"})
        self._calls = 0
        self._sn = 0

    def compose(self, method, code, peer, *, sequence):
        self._calls += 1
        request = Request(method=method, uri=f"sip:{code}@3402000000")
        for name, value in {
            "From": "<sip:34020000002000000001@3402000000>;tag=ours",
            "To": f"<sip:{code}@3402000000>",
            "Call-ID": f"call-{self._calls}",
            "CSeq": f"{sequence} {method}",
        }.items():
            request.headers.add(name, value)
        return request

    def contact(self, peer):
        return "<sip:34020000002000000001@192.0.2.1:5060>"

    def device(self, code):
        return self

    def next_sn(self):
        self._sn += 1
        return self._sn

    def charset_of(self, code):
        return "GB2312"

    def in_dialog(self, key, handler, *, device=""):
        if handler is None:
            self.dialogs.pop(key, None)
        else:
            self.dialogs[key] = handler

    async def request(self, request, peer, *, timeout_s):
        now = asyncio.get_running_loop().time()
        self.sent.append((now, request))
        await asyncio.sleep(0.01)
        status, headers = self.answer(len(self.sent))
        if status == 0:
            await asyncio.sleep(timeout_s)
            raise TransactionTimeout("nothing")
        response = Response(status=status)
        for name in ("From", "Call-ID", "CSeq"):
            response.headers.add(name, request.headers.get(name))
        to = request.headers.get("To")
        response.headers.add("To", to if "tag=" in to else f"{to};tag=theirs")
        for name, value in headers.items():
            response.headers.add(name, value)
        return response

    # --- what a test looks at ---------------------------------------------------------------------------

    def times(self):
        """When SUBSCRIBEs were sent, from the first on."""
        return [round(at - self.sent[0][0]) for at, _ in self.sent]

    def header(self, name):
        return [request.headers.get(name) for _, request in self.sent]

    def notify(self, **headers):
        request = Request(method="NOTIFY", uri="sip:us")
        for name, value in headers.items():
            request.headers.add(name.replace("_", "-"), value)
        (handler,) = self.dialogs.values()
        handler(SimpleNamespace(request=request))


@pytest.fixture
def platform():
    return Platform()


@asynccontextmanager
async def subscribed(platform, wanted, **options):
    options = {"poll": lambda: platform.polled.append(asyncio.get_running_loop().time()), **options}
    subscription = Subscription(platform, DEVICE, wanted, platform.heard.append, **options)
    task = asyncio.create_task(subscription.run())
    try:
        yield subscription
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


CATALOG = Wanted(Topic.CATALOG, 600)


async def test_a_subscription_is_refreshed_in_its_dialog_at_two_thirds_and_ended_with_it(platform):
    async with subscribed(platform, CATALOG) as subscription:
        await asyncio.sleep(1000)
        assert subscription.active
    assert platform.times() == [0, 400, 800, 1000]
    assert platform.header("Expires") == ["600", "600", "600", "0"]
    assert set(platform.header("Call-ID")) == {"call-1"}
    assert platform.header("CSeq") == [f"{number} SUBSCRIBE" for number in (20, 21, 22, 23)]
    assert [("tag=theirs" in to) for to in platform.header("To")] == [False, True, True, True]
    assert platform.header("Event")[0].startswith("Catalog;id=")
    assert all(platform.header("Contact")[1:])
    body = Envelope.parse(platform.sent[0][1].body)
    assert (body.command, body.code) == ("Catalog", DEVICE)
    assert not platform.dialogs
    assert not subscription.active


@pytest.mark.parametrize(
    ("headers", "second"), [({"Expires": "90"}, 60), ({}, 400), ({"Expires": "soon"}, 400)]
)
async def test_what_is_granted_counts_and_else_what_was_asked(platform, headers, second):
    platform.answer = lambda number: (200, headers)
    async with subscribed(platform, CATALOG):
        await asyncio.sleep(second + 1)
        assert platform.times() == [0, second]


@pytest.mark.parametrize("status", [481, 403, 500])
async def test_a_refresh_that_is_refused_is_followed_by_a_new_dialog_at_once(platform, status):
    platform.answer = lambda number: (status, {}) if number == 2 else (200, {"Expires": "600"})
    async with subscribed(platform, CATALOG) as subscription:
        await asyncio.sleep(401)
        assert platform.times() == [0, 400, 400]
        assert platform.header("Call-ID") == ["call-1", "call-1", "call-2"]
        assert subscription.active
        assert len(platform.dialogs) == 1
    assert platform.header("Call-ID")[-1] == "call-2"


@pytest.mark.parametrize("status", [0, 403, 480])
async def test_one_that_is_not_granted_is_asked_for_again_after_a_while(platform, status):
    platform.answer = lambda number: (status, {}) if number < 3 else (200, {"Expires": "600"})
    async with subscribed(platform, CATALOG) as subscription:
        await asyncio.sleep(200)
        assert subscription.active
        assert len(platform.sent) == 3
        assert platform.times()[1] >= 60
        assert not platform.polled


@pytest.mark.parametrize("status", [405, 489, 501])
async def test_what_a_device_does_not_know_is_polled_for_and_asked_for_again_a_day_later(platform, status):
    platform.answer = lambda number: (status, {})
    async with subscribed(platform, CATALOG, poll_s=3600.0) as subscription:
        await asyncio.sleep(DAY_S - 60)
        assert platform.times() == [0]
        assert len(platform.polled) == 24
        assert not subscription.active
        platform.answer = lambda number: (200, {})
        await asyncio.sleep(120)
        assert platform.times() == [0, DAY_S]
        assert subscription.active


async def test_what_a_device_does_not_know_is_remembered_when_it_comes_back(platform):
    platform.answer = lambda number: (489, {})
    unsupported = {}
    async with subscribed(platform, CATALOG, unsupported=unsupported):
        await asyncio.sleep(1)
    async with subscribed(platform, CATALOG, unsupported=unsupported):
        await asyncio.sleep(3600)
    async with subscribed(platform, Wanted(Topic.ALARMS), unsupported=unsupported):
        await asyncio.sleep(1)  # of another topic nothing is known
    assert [Envelope.parse(request.body).command for _, request in platform.sent] == ["Catalog", "Alarm"]


@pytest.mark.parametrize(
    ("state", "after_s"),
    [("terminated;reason=timeout", 5), ("Terminated; reason = deactivated", 5), ("terminated", 60)],
)
async def test_one_the_device_ends_is_made_anew(platform, state, after_s):
    async with subscribed(platform, CATALOG) as subscription:
        await asyncio.sleep(10)
        platform.notify(Subscription_State=state)
        assert not subscription.active
        assert len(platform.heard) == 1  # it has to be answered
        await asyncio.sleep(after_s + 1)
        assert platform.header("Call-ID") == ["call-1", "call-2"]
        assert platform.times() == [0, 10 + after_s]
        assert subscription.active


async def test_what_comes_before_the_answer_belongs_to_the_subscription(platform):
    def answer(number):
        platform.notify(Subscription_State="active;expires=600")
        return 200, {"Expires": "600"}

    platform.answer = answer
    async with subscribed(platform, CATALOG) as subscription:
        await asyncio.sleep(1)
        assert len(platform.heard) == 1
        assert subscription.active
        assert len(platform.dialogs) == 1  # the one in which the device has answered
        platform.answer = lambda number: (200, {})


async def test_a_notice_that_says_nothing_of_the_subscription_changes_nothing_of_it(platform):
    async with subscribed(platform, CATALOG) as subscription:
        await asyncio.sleep(10)
        platform.notify()
        platform.notify(Subscription_State="active;expires=500")
        assert subscription.active
        assert len(platform.heard) == 2


async def test_a_device_that_is_away_is_not_asked(platform):
    platform.binding = None
    async with subscribed(platform, CATALOG):
        await asyncio.sleep(30)
        assert not platform.sent
        platform.binding = SimpleNamespace(peer=PEER)
        await asyncio.sleep(60)
        assert len(platform.sent) == 1


async def test_the_alarms_that_are_wanted_and_the_time_between_positions_are_sent(platform):
    alarms = Wanted(Topic.ALARMS, alarms=AlarmQuery(1, 3, "2/5"))
    async with subscribed(platform, alarms), subscribed(platform, Wanted(Topic.POSITIONS, interval_s=15)):
        await asyncio.sleep(1)
    async with subscribed(platform, Wanted(Topic.PTZ_POSITION, event="PTZPosition")):
        await asyncio.sleep(1)
    first, second, *_, third, _ = [Envelope.parse(request.body) for _, request in platform.sent]
    fields = ("StartAlarmPriority", "EndAlarmPriority", "AlarmMethod")
    assert [first.element.get(name) for name in fields] == ["1", "3", "2/5"]
    assert (second.command, second.element.get("Interval")) == ("MobilePosition", "15")
    assert third.command == "PTZPosition"
    assert platform.header("Event")[:2] == ["presence", "presence"]
    assert platform.header("Event")[-1] == "PTZPosition"
    assert platform.header("Expires")[:2] == ["3600", "3600"]
