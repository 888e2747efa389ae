"""The commands of pages that are no guides, in their order, where `make run` runs what it runs."""

import asyncio
import os
import re
import shlex
import shutil
import sysconfig
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import nats
import pytest
import pytest_asyncio
from console_blocks import steps
from demonstration import demo, demonstration, hands
from documented import ROOT
from ports import free_port
from readers import place_of
from who_types import typed_here

from cambus.recorder.recovery import reindex

__all__ = ["demo", "demonstration", "hands"]  # fixtures

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

SCRIPTS = Path(sysconfig.get_path("scripts"))
DEVICES = {"gate-1": "gate", "van-by-cable": "gate", "yard": "square"}
"""Devices of pages, and those of the demonstration that speak the same protocol."""
GIVEN = {"secret.txt", "hall.password", "stage.password", "webhook.key"}
"""Files of one line that pages name and let readers write themselves."""
ENDS = {"--help", "--check-config", "verify", "reindex", "copies"}
WITHIN_S = 120.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places(demo):
    """Addresses of pages, and what they are here."""
    server = await place_of(demo, "connector-gb28181", "registration")
    code, _, address = server.removeprefix("sip:").partition("@")
    return {
        "127.0.0.1:5060": address,
        "34020000002000000001": code,
        "192.0.2.5": "127.0.0.1",
        "10.1.0.5:5060": "127.0.0.1:1",
        "https://ops.example.org": "https://127.0.0.1:1",
    }


def stopped_recorder(folder):
    """What a recorder leaves that is stopped: what that of the demonstration has closed, and an index."""
    recordings = folder / "stopped"
    if not recordings.exists():
        (running,) = folder.glob("var/recorder/**/index.sqlite3")
        left_out = shutil.ignore_patterns("index.sqlite3*", "journal.jsonl", "*.lock")
        shutil.copytree(running.parent, recordings, ignore=left_out)
        reindex(recordings)


class Typing:
    """Types the lines of one page; what goes on does so until the page ends."""

    def __init__(self, page, folder, nats_url, hands, places, running):
        self._page, self._folder, self._nats_url = page, folder, nats_url
        self._hands, self._places, self._running = hands, places, running
        self._ports = {}

    def files(self):
        """Write what readers write."""
        for name in GIVEN:
            (self._folder / name).write_text("a password\n")
        text = self._page.read_text()
        for body in re.findall(r"^```yaml\n(id: .*?)^```", text, re.MULTILINE | re.DOTALL):
            name = re.match(r"id: (\S+)", body)[1]
            (self._folder / f"{name}.yaml").write_text(self._here(body))
        assert not [step for step in steps(self._page) if hasattr(step, "untested")]

    async def types(self, line):
        command, _, given = self._here(line).partition(" < ")
        words = shlex.split(command)
        variables = {}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        program, *arguments = words
        if arguments[:2] == ["secret", "set"]:  # asks where nothing is given
            key = {"CAMBUS_CREDENTIALS_KEY_FILE": str(self._folder / "var" / "credentials.key")}
            await self._runs(program, arguments, key, line, given or "secret.txt")
        elif program == "cambusctl":
            await self._asks(arguments, line)
        elif program == "nats":
            await self._requests(*arguments[1:])
        elif program == "curl":
            await self._posts(*arguments)
        elif ENDS & {*arguments}:
            await self._runs(program, arguments, variables, line)
        else:
            await self._begins(program, arguments, variables, line)

    def _here(self, text):
        for named, place in {**self._places, **DEVICES}.items():
            text = re.sub(rf"(?<![\w-]){re.escape(named)}(?![\w-])", place, text)
        for option, port in re.findall(r"(--(?:control-|discovery-)?port) (\d+)", text):
            text = text.replace(f"{option} {port}", f"{option} {self._port(port)}")
        return re.sub(r"127\.0\.0\.1:(\d+)/quirks", lambda m: f"127.0.0.1:{self._port(m[1])}/quirks", text)

    def _port(self, number):
        return self._ports.setdefault(number, str(free_port()))

    async def _asks(self, arguments, line):
        code, out, err = await self._hands.types(*arguments)
        assert code == 0 or arguments == ["doctor"], (line, code, out, err)
        assert "Traceback" not in err

    async def _requests(self, subject, body):
        client = await nats.connect(self._nats_url)
        try:
            reply = await client.request(subject, body.encode(), timeout=30)
        finally:
            await client.close()
        assert (reply.headers or {}).get("Nats-Service-Error") is None, reply.data

    async def _posts(self, option, body, url):
        assert option == "-d"
        async with aiohttp.ClientSession() as session, session.post(url, data=body) as response:
            assert response.status == 200, await response.text()

    @asynccontextmanager
    async def _process(self, program, arguments, variables):
        process = await asyncio.create_subprocess_exec(
            *(str(SCRIPTS / program), *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=self._folder,
            env={
                **os.environ,
                "CAMBUS_NATS_URL": self._nats_url,
                "CAMBUS_HTTP_PORT": "0",
                "CAMBUS_GB28181_PORT": "0",
                "CAMBUS_RECORDINGS_DIR": str(self._folder / "stopped"),
                **variables,
            },
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                await end_quietly(process)

    async def _runs(self, program, arguments, variables, line, given=""):
        await asyncio.to_thread(stopped_recorder, self._folder)
        told = (self._folder / given).read_bytes() if given else None
        async with self._process(program, arguments, variables) as process, asyncio.timeout(WITHIN_S):
            out, _ = await process.communicate(told)
        assert process.returncode == 0, (line, out)

    async def _begins(self, program, arguments, variables, line):
        process = await self._running.enter_async_context(self._process(program, arguments, variables))
        async with asyncio.timeout(WITHIN_S):
            said = await process.stdout.readline()
        assert said, line
        assert b"rror" not in said, (line, said)


async def end_quietly(process):
    """End what goes on, as Ctrl-C does."""
    process.terminate()
    async with asyncio.timeout(WITHIN_S):
        await process.communicate()
    assert process.returncode in (0, 130, -15), process.returncode


@pytest.mark.parametrize(
    ("page", "lines"),
    typed_here(),
    ids=lambda each: getattr(each, "stem", "") and str(each.relative_to(ROOT)),
)
async def test_what_a_page_says_is_typed(page, lines, folder, demo, hands, places):
    async with AsyncExitStack() as running:
        typing = Typing(page, folder, demo, hands, places, running)
        typing.files()
        for line in lines:
            await typing.types(line)
