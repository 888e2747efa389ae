"""Signed webhooks, verified as a receiver does it, by the text of the Standard Webhooks specification alone."""

import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alarm_rig import AlarmBus, Receiver

from cambus.alarm_router.sink_secrets import SinkSecrets
from cambus.bus.sealing import KeyRing
from cambus.client.errors import BusUnavailable
from cambus.client.kv import KeyValue
from cambus.schemas import assets
from cambus.schemas.state.credentials import SealedCredentials

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]


def verify(key: bytes, headers: dict, body: bytes) -> bool:
    signed = headers["webhook-id"] + "." + headers["webhook-timestamp"] + "." + body.decode()
    wanted = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    given = [item.partition(",") for item in headers["webhook-signature"].split(" ")]
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and any(version == "v1" and hmac.compare_digest(wanted, mac) for version, _, mac in given)


async def test_a_receiver_can_verify_who_sent_an_alarm(
    router: AlarmBus, receiver: Receiver, hook: Hook
) -> None:
    await router.store_secret("ops", token="correct horse battery staple")
    async with router.in_process():
        await router.put("all", hook(secret="ops"))
        await router.raise_alarm("gate-1", text="Tür 门")
        await receiver.until(receiver.ids)
    headers, body = receiver.requests[0].headers, receiver.bodies[0]
    assert verify(b"correct horse battery staple", headers, body)
    assert not verify(b"another key", headers, body)
    assert not verify(b"correct horse battery staple", headers, body.replace(b"gate-1", b"gate-2"))


async def test_a_secret_in_the_form_of_the_standard_stands_for_its_bytes(
    router: AlarmBus, receiver: Receiver, hook: Hook
) -> None:
    key = bytes(range(32))
    await router.store_secret("ops", password="whsec_" + base64.b64encode(key).decode())
    async with router.in_process():
        await router.put("all", hook(secret="ops"))
        await router.raise_alarm("gate-1")
        await receiver.until(receiver.ids)
    assert verify(key, receiver.requests[0].headers, receiver.bodies[0])


async def test_every_attempt_is_signed_for_its_own_time_and_has_the_same_id(
    router: AlarmBus, receiver: Receiver, hook: Hook
) -> None:
    receiver.scripts["/hook"] = lambda number: 503 if number < 3 else 200
    await router.store_secret("ops", token="k" * 24)
    async with router.in_process():
        await router.put("all", hook(secret="ops"))
        event = await router.raise_alarm("gate-1")
        await receiver.until(receiver.ids)
    assert len({bytes(body) for body in receiver.bodies}) == 1
    for request, body in zip(receiver.requests, receiver.bodies, strict=True):
        assert request.headers["webhook-id"] == event
        assert verify(b"k" * 24, request.headers, body)


async def test_an_alarm_is_never_sent_unsigned_because_its_secret_is_gone(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    await router.store("all", hook(secret="ops"))
    async with router.in_process() as running:
        event = await router.raise_alarm("gate-1")
        await eventually(lambda: running.service._router._waiting == 1)
        assert receiver.requests == []
        await router.store_secret("ops", token="now it is there")
        await receiver.until(receiver.ids)
    assert receiver.ids() == [event]
    assert verify(b"now it is there", receiver.requests[0].headers, receiver.bodies[0])


async def test_no_secret_is_told_in_logs_metrics_and_dead_letters(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually, caplog
) -> None:
    canary = "canary-7f3a-secret"
    receiver.scripts["/hook"] = lambda _: 403
    await router.store_secret("ops", token=canary)
    async with router.in_process(delivery_give_up_s=0.2) as running:
        await router.put("all", hook("/hook?token=canary-in-the-address", secret="ops"))
        await router.raise_alarm("gate-1")
        await eventually(router.dead_letters)
        told = running.runtime.metrics.render().decode() + str(await router.dead_letters())
    told += "".join(str(vars(record)) for record in caplog.records)
    assert canary not in told
    assert "canary-in-the-address" not in told


async def test_a_secret_that_is_replaced_counts_within_its_time(router: AlarmBus, tmp_path: Path) -> None:
    now = 0.0
    signing = SinkSecrets(router.bus, KeyRing.load(tmp_path / "key"), clock=lambda: now)
    await router.store_secret("ops", token="old key")
    assert await signing.key("ops") == b"old key"
    await router.store_secret("ops", token="new key")
    assert await signing.key("ops") == b"old key"
    now = 31.0
    assert await signing.key("ops") == b"new key"


async def test_while_nats_is_away_the_secret_is_the_one_it_was(
    router: AlarmBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(key: str) -> None:
        raise BusUnavailable("no answer")

    now = 0.0
    signing = SinkSecrets(router.bus, KeyRing.load(tmp_path / "key"), clock=lambda: now)
    await router.store_secret("ops", token="the key")
    assert await signing.key("ops") == b"the key"
    now = 31.0
    monkeypatch.setattr(signing._stored, "get", away)
    assert await signing.key("ops") == b"the key"
    with pytest.raises(BusUnavailable):
        await signing.key("another")


async def test_a_secret_sealed_with_another_key_is_told_when_the_rule_is_put(
    router: AlarmBus, hook: Hook
) -> None:
    damaged = SealedCredentials(
        key_id="k0", nonce=b"n" * 12, ciphertext=b"c" * 32, updated_at=datetime.now(UTC)
    )
    await KeyValue(router.bus, assets.KV_CREDENTIALS, SealedCredentials).put("ops", damaged)
    async with router.in_process():
        refusal = await router.refused("all", hook(secret="ops"))
    assert (refusal.code, refusal.reason) == (400, "sealed-otherwise")
    assert "sinks[0].secret" in refusal.text
