"""Two replicas, one lease, any interleaving: never do both believe in it.

The bucket is a model of what JetStream does: compare-and-set by revision, a time to live from the moment of
storing. The replicas' clock and the server's are one, as real clocks run at one speed; messages take time,
and acknowledgements get lost.
"""

import asyncio
import base64

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from thoroughness import examples

from cambus.bus.leases import LeaseKeeper
from cambus.bus.metrics import Metrics
from cambus.bus.settings import BusSettings
from cambus.client.errors import AssetNotFound, BusUnavailable, WrongRevision
from cambus.client.jetstream import PubAck

KEY = "shard.dvrip.1"
TTL_S = 25.0


class Bucket:
    """One key of a key-value bucket, and the clock everybody has."""

    def __init__(self):
        self.now = 0.0
        self.revision = 0
        self.value = None  # (revision, data, ends at)
        self.delay_s = 0.0
        self.lose_ack = False
        self.away = False

    def present(self):
        if self.value is not None and self.now >= self.value[2]:
            self.value = None
        return self.value

    async def publish(self, subject, data, *, headers, timeout_s):
        if self.away:
            raise BusUnavailable("away")
        self.now += self.delay_s  # on its way to the server
        present = self.present()
        last = present[0] if present else 0
        if int(headers["Nats-Expected-Last-Subject-Sequence"]) != last:
            raise WrongRevision(400, 10071, "wrong last sequence")
        self.revision += 1
        self.value = (self.revision, data, self.now + float(headers["Nats-TTL"]))
        self.now += self.delay_s  # and back
        if self.lose_ack:
            raise BusUnavailable("the acknowledgement got lost")
        return PubAck("KV", self.revision, duplicate=False)

    async def call(self, operation, body=None, *, timeout_s=5.0):
        if self.away:
            raise BusUnavailable("away")
        present = self.present()
        if present is None:
            raise AssetNotFound(404, 10037, "no message found")
        data = base64.b64encode(present[1]).decode()
        return {"message": {"seq": present[0], "data": data, "time": "2026-01-01T00:00:00Z"}}


class FakeBus:
    def __init__(self, bucket):
        self.jetstream = bucket
        self.metrics = Metrics()
        self.settings = BusSettings()


class Leases(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.loop = asyncio.new_event_loop()
        self.bucket = Bucket()
        self.epochs = []
        self.keepers = [self.keeper(name) for name in "ab"]

    def keeper(self, name):
        return LeaseKeeper(FakeBus(self.bucket), holder=name, ttl_s=TTL_S, clock=lambda: self.bucket.now)

    def run(self, coroutine):
        try:
            return self.loop.run_until_complete(coroutine)
        except BusUnavailable:
            return None

    @rule(who=st.integers(0, 1))
    def acquire(self, who):
        had = self.keepers[who].held.get(KEY)
        lease = self.run(self.keepers[who].acquire(KEY))
        if lease is not None and lease is not had:
            assert all(lease.epoch > epoch for epoch in self.epochs)
            self.epochs.append(lease.epoch)

    @rule(who=st.integers(0, 1))
    def release(self, who):
        self.run(self.keepers[who].release(KEY))

    @rule(who=st.integers(0, 1))
    def renew(self, who):
        self.run(self.keepers[who].renew_due())

    @rule(who=st.integers(0, 1))
    def fence(self, who):
        self.keepers[who].fence()

    @rule(who=st.integers(0, 1))
    def crash_and_restart(self, who):
        self.keepers[who] = self.keeper("ab"[who])

    @rule(seconds=st.sampled_from([0.5, 4.0, 5.0, 11.0, 16.0, 18.0, 23.0]))
    def time_passes(self, seconds):
        self.bucket.now += seconds

    @rule(delay_s=st.sampled_from([0.0, 1.0, 4.0, 10.0]), fault=st.sampled_from(["", "", "ack", "away"]))
    def weather_changes(self, delay_s, fault):
        self.bucket.delay_s, self.bucket.lose_ack, self.bucket.away = delay_s, fault == "ack", fault == "away"

    @precondition(lambda self: hasattr(self, "keepers"))
    @invariant()
    def never_two_holders(self):
        assert sum(keeper.valid(KEY) for keeper in self.keepers) <= 1

    @precondition(lambda self: hasattr(self, "keepers"))
    @invariant()
    def nobody_believes_in_a_lease_the_server_let_go(self):
        for keeper in self.keepers:
            if keeper.valid(KEY):
                assert self.bucket.present() is not None

    def teardown(self):
        if hasattr(self, "loop"):
            self.loop.close()


Leases.TestCase.settings = settings(max_examples=examples(60, 200), stateful_step_count=40, deadline=None)
TestLeases = Leases.TestCase


async def test_belief_counts_from_before_a_renewal_was_sent():
    """The walk above finds this one rarely: a renewal whose acknowledgement travels long."""
    bucket = Bucket()
    keeper = LeaseKeeper(FakeBus(bucket), holder="a", ttl_s=TTL_S, clock=lambda: bucket.now)
    await keeper.acquire(KEY)
    bucket.now, bucket.delay_s = 5.0, 8.0
    await keeper.renew_due()
    assert keeper.remaining_s(KEY) == 5.0 + 22.0 - bucket.now
