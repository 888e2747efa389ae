"""Answers in parts leave one after the other, and end where the platform no longer answers (GB-241)."""

import asyncio
from types import SimpleNamespace

import pytest

from cambus.bus.metrics import Metrics
from cambus.client.tasks import TaskSet
from cambus.connector_gb28181.cascade.catalog import part_size
from cambus.connector_gb28181.cascade.context import LinkContext
from cambus.connector_gb28181.cascade.metrics import CascadeMetrics
from cambus.connector_gb28181.cascade.nodes import Node, SharedSet
from cambus.connector_gb28181.cascade.questions import Questions
from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.gb28181.errors import Unreachable
from cambus.gb28181.manscdp import catalog as catalogs
from cambus.gb28181.manscdp.envelope import Envelope
from cambus.schemas.state.cascade import CascadeLink

OURS, UPPER = "34020000002000000002", "34010000002000000001"


class Agent:
    """Takes bodies one at a time; a test says when each has been acknowledged."""

    settings = SimpleNamespace(charset="GB2312")

    def __init__(self):
        self.sent = []
        self.acknowledged = asyncio.Queue()
        self.heard = asyncio.Event()

    async def send(self, body):
        self.sent.append(Envelope.parse(body))
        self.heard.set()
        if not await self.acknowledged.get():
            raise Unreachable("no answer")

    async def until(self, count):
        while len(self.sent) < count:
            self.heard.clear()
            await self.heard.wait()


def asked(agent, metrics, count=10):
    link = CascadeLink(id="up", code=OURS, server_code=UPPER, server_address="192.0.2.1:5060")
    context = LinkContext(link, None, None, CascadeSettings(), CascadeMetrics(metrics), tasks=TaskSet(10))
    context.agent = agent
    nodes = [Node(OURS, "us")] + [Node(f"3402000000131{n:07d}", f"{n}", (OURS,)) for n in range(count - 1)]
    context.shared = SharedSet(nodes)
    query = Envelope.parse(catalogs.query(77, OURS))
    assert Questions(context).ask(context.shared.node(OURS), query) == 200
    return context


@pytest.mark.parametrize(
    ("fields", "items"),
    [
        ({}, 4),
        ({"transport": "tcp"}, 100),
        ({"part_items": 7}, 7),
        ({"transport": "tcp", "part_items": 7}, 7),
    ],
    ids=str,
)
def test_how_much_a_part_holds_depends_on_the_way_unless_the_link_says_it(fields, items):
    link = CascadeLink(id="up", code=OURS, server_code=UPPER, server_address="192.0.2.1:5060", **fields)
    assert part_size(link) == items


async def test_each_part_waits_for_the_one_before_and_all_have_the_number_of_the_question():
    agent = Agent()
    context = asked(agent, Metrics())
    await agent.until(1)
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(agent.sent) == 1  # the first has not been acknowledged
    for _ in range(3):
        agent.acknowledged.put_nowait(True)
    await context.tasks.wait(5.0)
    assert [each.sn for each in agent.sent] == [77, 77, 77]
    assert [each.element.get("SumNum") for each in agent.sent] == ["10"] * 3
    assert [len(list(each.element.find("DeviceList").all("Item"))) for each in agent.sent] == [4, 4, 2]


async def test_a_part_that_is_never_acknowledged_is_the_last_and_leaves_nothing_under_way():
    agent, metrics = Agent(), Metrics()
    context = asked(agent, metrics)
    agent.acknowledged.put_nowait(True)
    agent.acknowledged.put_nowait(False)
    await context.tasks.wait(5.0)
    assert len(agent.sent) == 2
    assert len(context.tasks) == 0
    assert (
        'cambus_cascade_questions_total{command="catalog",outcome="failed"} 1.0' in metrics.render().decode()
    )
