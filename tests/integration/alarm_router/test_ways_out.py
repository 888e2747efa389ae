"""Alarms reach mail servers, MQTT brokers and HTTP gateways, and a dead one delays no other."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiomqtt
import pytest
from aiohttp import web
from alarm_rig import AlarmBus, Receiver
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mail_server import MailServer

from cambus.bus.testing import NatsServer
from cambus.schemas.commands import alarm_cases

Hook = Callable[..., dict]
Eventually = Callable[..., Awaitable[None]]

FORBIDDEN = "forbidden"
"""Where the server of these tests lets nobody publish."""

PASSWORD = "canary-of-the-sinks"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 of an authority of its own: the file with it, and what a server uses."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    return folder / "ca.pem", context


async def status_of(router: AlarmBus, route: str) -> alarm_cases.SinkStatus:
    """How a sink is, once the router is on duty."""
    async with asyncio.timeout(60):
        while True:
            replies = await router.client.broadcast(
                alarm_cases.SINKS_LIST, alarm_cases.SinksListRequest(), expected=1, timeout_s=20
            )
            for sink in replies[0].sinks:
                if sink.route == route:
                    return sink


@asynccontextmanager
async def gateway(take: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    """An HTTP gateway for text messages; its address."""
    app = web.Application()
    app.router.add_post("/send/{device}", take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/send/{{device}}"
    finally:
        await runner.cleanup()


def mail_sink(server: MailServer, **fields: object) -> dict:
    given = {"kind": "email", "host": "localhost", "port": server.port, "security": "none"}
    return {**given, "sender": "cambus@example.org", "to": ["guard@example.org"], "timeout_s": 20.0, **fields}


async def test_a_mail_goes_out_encrypted_and_with_a_login(router: AlarmBus, certificate) -> None:
    ca_file, context = certificate
    await router.store_secret("mail", username="cambus", password=PASSWORD)
    async with (
        MailServer(context, ("cambus", PASSWORD)) as server,
        router.in_process(sinks_ca_file=ca_file) as running,
    ):
        sink = mail_sink(server, security="starttls", secret="mail", to=["a@example.org", "b@example.org"])
        await router.put("mails", sink, name="Night watch")
        began = await router.raise_alarm("gate-1", text="Bewegung am Tor 东门\r\nBcc: all@example.org")
        await router.clear_alarm("gate-1")
        await server.until(2)
        shown = running.service.runtime.metrics.render().decode()
    (to, first), (_, second) = server.taken
    assert server.logins == ["cambus", "cambus"]
    assert to == ["a@example.org", "b@example.org"]
    assert first["Subject"] == "[info] motion alarm.raised: gate-1"
    assert "Bewegung am Tor 东门 Bcc: all@example.org" in first.get_content()
    assert first["Bcc"] is None
    assert second["In-Reply-To"] == first["Message-ID"]
    assert began in first["Message-ID"]
    assert "Lasted: 0 s" in second.get_content()
    assert PASSWORD not in shown


async def test_a_mail_server_nobody_vouches_for_gets_no_password(
    router: AlarmBus, certificate, eventually
) -> None:
    _, context = certificate
    await router.store_secret("mail", username="cambus", password=PASSWORD)
    async with MailServer(context, ("cambus", PASSWORD)) as server, router.in_process():
        await router.put("mails", mail_sink(server, security="starttls", secret="mail"))
        await router.raise_alarm("gate-1")

        async def failed() -> bool:
            return (await status_of(router, "mails.0")).failed > 0

        await eventually(failed)
        assert (server.logins, server.taken) == ([], [])
        await router.delete("mails")


async def test_a_mail_that_is_refused_for_now_comes_again(router: AlarmBus) -> None:
    async with MailServer() as server, router.in_process():
        server.refusing = "451 try again later"
        await router.put("mails", mail_sink(server, subject="{type} {{{device}}}", text="{severity}"))
        await router.raise_alarm("gate-1")
        async with asyncio.timeout(60):
            while not (await status_of(router, "mails.0")).failed:
                continue
        status = await status_of(router, "mails.0")
        assert (status.last_error, status.waiting) == ("SMTP 451", 1)
        server.refusing = ""
        await server.until(1)
    mail = server.taken[0][1]
    assert (mail["Subject"], mail.get_content().strip()) == ("motion {gate-1}", "info")


async def test_who_does_not_get_a_mail_that_others_get_is_told(router: AlarmBus) -> None:
    async with MailServer() as server, router.in_process():
        server.unknown = {"gone@example.org"}
        await router.put("mails", mail_sink(server, to=["guard@example.org", "gone@example.org"]))
        await router.raise_alarm("gate-1")
        await server.until(1)
        async with asyncio.timeout(60):
            while not (status := await status_of(router, "mails.0")).delivered:
                continue
    assert server.taken[0][0] == ["guard@example.org"]
    assert (status.failed, status.last_error) == (0, "not taken for recipient 2 (SMTP 550)")


async def test_a_subject_that_nats_forbids_has_not_taken_an_alarm(router: AlarmBus, eventually) -> None:
    async with router.in_process():
        sinks = [{"kind": "bus", "subject": f"{where}.North"} for where in (FORBIDDEN, "allowed")]
        await router.put("all", *sinks)
        await router.raise_alarm("gate-1")

        async def failed() -> bool:
            return (await status_of(router, "all.0")).failed > 0

        await eventually(failed)
        refused, taken = await status_of(router, "all.0"), await status_of(router, "all.1")
        assert (refused.delivered, refused.waiting, taken.delivered) == (0, 1, 1)
        assert refused.last_error == f"bus: NATS does not let us send to {FORBIDDEN}.North"
        await router.delete("all")


@pytest.fixture
async def broker(tmp_path):
    """An MQTT broker: nats-server is one, with QoS 1."""
    config = {"server_name": "broker", "mqtt": {"host": "127.0.0.1", "port": -1}}
    async with NatsServer(sync_interval="2m", config=config) as server:
        found = re.search(r"Listening for MQTT clients on mqtt://127\.0\.0\.1:(\d+)", server.log_text)
        yield int(found[1])


async def test_an_alarm_is_published_at_a_broker(router: AlarmBus, broker: int) -> None:
    async with aiomqtt.Client("127.0.0.1", broker) as listener:
        await listener.subscribe("site/#", qos=1)
        async with router.in_process():
            sink = {
                "kind": "mqtt",
                "host": "127.0.0.1",
                "port": broker,
                "tls": False,
                "topic": "site/{device}/{type}",
            }
            await router.put("broker", sink)
            ids = [await router.raise_alarm("gate-1", momentary=True) for _ in range(3)]
            heard = []
            async with asyncio.timeout(60):
                async for message in listener.messages:
                    heard.append(message)
                    if len(heard) == 3:
                        break
    assert [json.loads(message.payload)["alarm"]["id"] for message in heard] == ids
    assert {(str(message.topic), message.qos) for message in heard} == {("site/gate-1/motion", 1)}


async def test_a_gateway_is_sent_what_the_template_says(router: AlarmBus, receiver: Receiver) -> None:
    await router.store_secret("sms", token=PASSWORD)
    forms = []

    async def take(request: web.Request) -> web.Response:
        forms.append(dict(await request.post()))
        return web.Response(text="QUEUED" if len(forms) > 1 else "QUOTA EXCEEDED")

    fields = {"to": "+4915112345678", "key": "{secret}", "text": "{severity} {type}: {text}"}
    async with gateway(take) as url, router.in_process():
        sink = {"kind": "http", "url": url, "secret": "sms", "fields": fields, "accepted": "QUEUED"}
        await router.put("sms", sink)
        await router.raise_alarm("gate-1", text="a&b=c {secret}")
        async with asyncio.timeout(60):
            while (await status_of(router, "sms.0")).delivered == 0:
                continue
        status = await status_of(router, "sms.0")
    assert forms == [{"to": "+4915112345678", "key": PASSWORD, "text": "info motion: a&b=c {secret}"}] * 2
    assert PASSWORD not in repr(status)
    assert status.last_error == "the answer does not hold what it does when it was taken"


async def test_a_gateway_cannot_send_us_elsewhere(router: AlarmBus, receiver: Receiver, eventually) -> None:
    elsewhere = web.Response(status=307, headers={"Location": receiver.url + "/elsewhere"})
    receiver.scripts["/sms"] = lambda number: elsewhere if number == 1 else web.Response(status=500)
    async with router.in_process():
        await router.put("sms", {"kind": "http", "method": "GET", "url": receiver.url + "/sms?text={text}"})
        await router.raise_alarm("gate-1", text="x&y")
        await receiver.until(lambda: receiver.attempts("/sms") >= 2)
        await router.delete("sms")
    assert receiver.attempts("/elsewhere") == 0
    assert receiver.requests[0].query["text"] == "x&y"


async def test_a_webhook_may_receive_cloud_events(router: AlarmBus, receiver: Receiver, hook: Hook) -> None:
    async with router.in_process():
        await router.put("all", hook(format="cloudevents"))
        event = await router.raise_alarm("gate-1")
        await receiver.until(receiver.ids)
    body = receiver.accepted[0][2]
    assert receiver.requests[0].headers["Content-Type"].startswith("application/cloudevents+json")
    assert {name: body[name] for name in ("specversion", "id", "source", "type", "subject")} == {
        "specversion": "1.0",
        "id": event,
        "source": "/cambus/devices/gate-1",
        "type": "cambus.v1.alarm.raised",
        "subject": "motion:0",
    }
    assert (body["data"]["rule"], body["data"]["alarm"]["id"]) == ("all", event)


async def test_a_dead_sink_delays_no_other_and_is_told(
    router: AlarmBus, receiver: Receiver, hook: Hook, eventually: Eventually
) -> None:
    receiver.scripts["/dead"] = lambda _: 503
    async with router.in_process():
        await router.put("both", hook("/dead"), hook("/alive"))
        ids = [await router.raise_alarm("gate-1", momentary=True) for _ in range(10)]
        await receiver.until(lambda: receiver.ids("/alive") == ids)
        dead, alive = await status_of(router, "both.0"), await status_of(router, "both.1")
        assert (dead.away, dead.waiting, dead.last_error) == (True, 10, "HTTP 503")
        assert (alive.away, alive.waiting, alive.delivered) == (False, 0, 10)
        receiver.scripts["/dead"] = lambda _: 200
        await receiver.until(lambda: receiver.ids("/dead") == ids)
