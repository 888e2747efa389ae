"""`cambusctl demo`: `up` with devices that are not there, and somebody who listens to their alarms."""

import asyncio
import json
import os
import secrets
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from cambus.bus.sealing import KeyRing
from cambus.cli.device_status import DeviceBoard
from cambus.cli.devices_file import load_devices
from cambus.cli.formatting import clean
from cambus.cli.output import Output
from cambus.cli.stack.alarm_receiver import AlarmReceiver
from cambus.cli.stack.contents import apply_devices, record_everything
from cambus.cli.stack.options import StackOptions
from cambus.cli.stack.ports import free_or_any
from cambus.cli.stack.simulated import (
    SimulatedCamera,
    SimulatedDevice,
    SimulatedPublisher,
    SimulatedRecorder,
    SimulatedRtspCamera,
)
from cambus.cli.stack.stack import Stack
from cambus.cli.stack.terminal import command_prefix
from cambus.cli.stack.up import Up
from cambus.client.calling import BusClient
from cambus.client.kv import KeyValue
from cambus.schemas.assets import KV_CREDENTIALS
from cambus.schemas.commands import alarm_router
from cambus.schemas.state.alarm_rule import AlarmRule
from cambus.schemas.state.alarm_sinks import BusSink, WebhookSink
from cambus.schemas.state.credentials import Credentials, SealedCredentials

USER: Final = "demo"
RULE: Final = "demo"
SECRET: Final = "demo-webhook"  # noqa: S105 - the name of a secret
SUBJECT: Final = "alarms.demo"
ALARM_EVERY_S: Final = 30.0
KEEP_S: Final = 86400
KEEP_BYTES: Final = 1 << 30
ONLINE_S: Final = 30.0
LOOK_S: Final = 0.2
MOST_ALARMS: Final = 6
"""So many are shown to people, who would like to see the commands to try a little longer."""
DIAL_PORT: Final = 9400
PUBLISH_PORT: Final = 8564

DEVICES: Final[tuple[SimulatedDevice, ...]] = (
    SimulatedRecorder("gate", "Simulated recorder at the gate", 4, "alternate", 0, ALARM_EVERY_S),
    SimulatedRecorder("yard", "Simulated camera in the yard", 1, "h265", 1, ALARM_EVERY_S),
    SimulatedRecorder("van", "Simulated recorder on the road; it dials us", 1, "h264", 2, dials=True),
    SimulatedCamera("square", "Simulated GB/T 28181 camera; it registers", 1, "h264", "34020000001320000001"),
    SimulatedRtspCamera("hall", "Simulated RTSP camera", 1, "h264"),
    SimulatedPublisher("stage", "Simulated camera that publishes its stream", 1, "h264"),
)


class Demo(Up):
    """One run of the demonstration."""

    def __init__(self, out: Output, options: StackOptions) -> None:
        ports = {
            "CAMBUS_DVRIP_REGISTRATION_PORT": str(free_or_any(DIAL_PORT)),
            "CAMBUS_RTSP_PUBLISH_PORT": str(free_or_any(PUBLISH_PORT)),
        }
        options = replace(options, environment={**ports, **options.environment})
        super().__init__(out, options, None, [], record=True)
        self._folder = options.data_dir / "demo"
        self._resources = AsyncExitStack()
        self._alarms = 0

    async def run(self) -> None:
        """Run until a signal comes."""
        async with self._resources:
            await super().run()

    async def fill(self, stack: Stack) -> None:
        """Start the devices, make them known, record them, and listen to their alarms."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        password_file = self._folder / "password"
        _kept_secret(password_file)
        addresses = await asyncio.gather(
            *(each.run(stack, USER, password_file.absolute()) for each in DEVICES)
        )
        file = self._folder / "devices.yaml"
        file.write_text(devices_file(addresses), encoding="utf-8")
        steps = await apply_devices(stack.bus, file, load_devices(file), stack.credentials_key_file)
        self.tell_devices(steps)
        if await record_everything(stack.bus, keep_s=KEEP_S, keep_bytes=KEEP_BYTES):
            self.terminal.line("  everything is recorded, and kept for a day")
        await self._listen(stack, _kept_secret(self._folder / "webhook-secret"))
        await self._wait_online(stack)

    async def _listen(self, stack: Stack, secret: str) -> None:
        """Have alarms posted to a web server of ours, signed, and published on a subject."""
        receiver = await self._resources.enter_async_context(AlarmReceiver(secret.encode(), self._alarm))
        keys = KeyRing.load(stack.credentials_key_file)
        sealed = keys.seal(Credentials(token=SecretStr(secret)), SECRET)
        await KeyValue(stack.bus, KV_CREDENTIALS, SealedCredentials).put(SECRET, sealed)
        rule = AlarmRule(
            id=RULE,
            name="Demonstration",
            sinks=[WebhookSink(url=receiver.url, secret=SECRET), BusSink(subject=SUBJECT)],
        )
        await BusClient(stack.bus).call(alarm_router.RULES_PUT, alarm_router.RulesPutRequest(rule=rule))

    def _alarm(self, routed: dict[str, Any]) -> None:
        alarm = routed.get("alarm") or {}
        over = " is over" if routed.get("type") == "alarm.cleared" else ""
        channel = alarm.get("channel")
        where = f"{alarm.get('device')}" + ("" if channel is None else f"/{channel}")
        text = f"{where}  {alarm.get('type')}{over}  {alarm.get('text') or ''}"
        self._alarms += 1
        if self._alarms <= MOST_ALARMS or self._out.as_json:
            self.terminal.alarm(f"{clean(text)} (posted to our webhook)")
        if self._alarms == MOST_ALARMS:
            self.terminal.line("and so on: cambusctl events --follow shows the others", "dim")

    async def _wait_online(self, stack: Stack) -> None:
        """Wait until the devices take commands; go on without, and say so, if that takes too long."""
        wanted = {each.device for each in DEVICES}
        try:
            async with asyncio.timeout(ONLINE_S):
                while wanted:
                    board = await DeviceBoard.read(stack.bus)
                    wanted = {device for device in wanted if not board.get(device).online}
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            self.terminal.line(f"  not online yet: {', '.join(sorted(wanted))}", "yellow")
        else:
            self.terminal.line(f"  {len(DEVICES)} simulated devices are online")

    def things_to_try(self, stack: Stack) -> list[tuple[str, str]]:
        """Commands against the simulated devices."""
        ctl = command_prefix(stack.nats_url)
        return [
            (f"{ctl} devices", "how the devices are"),
            (f"{ctl} ptz move gate 0 --pan 0.5 --duration 2", "turn a camera, and watch it turn"),
            (f"{ctl} events --follow", "what happens; an alarm comes every 30 s"),
            (f"{ctl} live open gate 0", "addresses for VLC and others"),
            (f"{ctl} snapshot gate 0 -o gate.jpg", "a still picture"),
            (f"{ctl} recordings find gate", "what is recorded"),
            (f"{ctl} recordings export gate 0 --from -1m -o gate.mp4", "the last minute as MP4"),
            (f"{ctl} call gate device.info", "any of the commands of `call --list`"),
            (f"{ctl} doctor", "what is wrong, if anything"),
        ]


def devices_file(addresses: Sequence[str | None]) -> str:
    """The devices.yaml of the demonstration, as somebody would write it."""
    entries = "".join(
        f"""  - id: {each.device}
    protocol: {each.protocol}
{_address(address)}    name: {each.name}
    tags: [demo]
    credentials:
      username: {USER}
      password_file: password
{_options(each)}"""
        for each, address in zip(DEVICES, addresses, strict=True)
    )
    return f"# The simulated devices of `cambusctl demo`; written anew at every start.\ndevices:\n{entries}"


def _address(address: str | None) -> str:
    return "" if address is None else f"    address: {address}\n"


def _options(device: SimulatedDevice) -> str:
    values = ", ".join(f"{name}: {json.dumps(value)}" for name, value in device.options.items())
    return f"    options: {{{values}}}\n" if values else ""


def _kept_secret(path: Path) -> str:
    """A random secret in a file of its own that nobody else may read, the same at every start."""
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        secret = secrets.token_urlsafe(24)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secret + "\n")
        return secret
