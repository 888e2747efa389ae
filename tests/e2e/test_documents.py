"""Every command of the README, of the tutorial and of the how-tos, typed where `make run` runs what it runs."""

import asyncio
import json
import re
import shlex
from pathlib import Path

import nats
import pytest
import pytest_asyncio
from console_blocks import Console, steps
from demonstration import FREE_PORTS, demo, demonstration, hands
from documented import GUIDES, ROOT, typed_lines
from readers import reader
from typed_commands import begin, end

__all__ = ["demo", "demonstration", "hands"]  # fixtures

pytestmark = pytest.mark.asyncio(loop_scope="module")

README = ROOT / "README.md"
LINES = typed_lines(README)
FOLLOWED = [page for page in GUIDES if any(isinstance(step, Console) for step in steps(page))]


def lines_of(program: str, *but: str) -> list[str]:
    """The README's lines that call a program, but for those with one of these words."""
    return [line for line in LINES if line.split()[0] == program and not {*but} & {*line.split()}]


def write_devices(folder: Path) -> None:
    """The devices.yaml of the README and its password; nothing listens at its address."""
    text = re.search(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)[1]
    (folder / "devices.yaml").write_text(text.replace("192.0.2.10:34567", "127.0.0.1:1"))
    (folder / "gate-1.secret").write_text("a password\n")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def following(demonstration, folder, hands):
    """Somebody who follows pages there."""
    _, told = demonstration
    async with reader(folder, told, hands) as somebody:
        yield somebody


async def test_every_line_of_the_readme_is_known_here():
    programs = {line.split()[0] for line in LINES}
    assert programs == {"git", "make", ".", "cambusctl", "nats", "docker"}  # compose has its own tests
    assert [line for line in LINES if line.startswith("cambusctl up")] == ["cambusctl up -f devices.yaml"]
    assert len(LINES) >= 12


async def test_what_make_is_told_to_make_is_there():
    makefile = (ROOT / "Makefile").read_text()
    for line in lines_of("make"):
        assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE), line
    assert re.search(r"^run: install.*\n\t\$\(BIN\)/cambusctl demo$", makefile, re.MULTILINE)


@pytest.mark.parametrize("line", lines_of("cambusctl", "--follow", "up", "doctor"))
async def test_a_command_of_the_readme_does_what_it_should(line, hands, folder):
    write_devices(folder)
    code, out, err = await hands.types(*shlex.split(line)[1:])
    assert code == 0, (line, out, err)
    assert "Error" not in err


@pytest.mark.parametrize("line", lines_of("nats"))
async def test_any_client_may_send_it(line, demo):
    _, verb, subject, body = shlex.split(line)
    assert verb == "req"
    client = await nats.connect(demo)
    try:
        reply = await client.request(subject, body.encode(), timeout=10)
    finally:
        await client.close()
    assert (reply.headers or {}).get("Nats-Service-Error") is None
    assert reply.data == b"{}"


@pytest.mark.parametrize("line", [line for line in lines_of("cambusctl") if "--follow" in line])
async def test_what_goes_on_tells_something_and_ends_with_ctrl_c(line, demo, folder):
    process = await begin(folder, *shlex.split(line)[1:], nats_url=demo)
    try:
        async with asyncio.timeout(90):
            assert await process.stdout.readline()
    finally:
        _, err = await end(process)
    assert process.returncode == 130
    assert "Traceback" not in err


async def test_doctor_has_nothing_against_the_demonstration_itself(hands):
    assert lines_of("cambusctl", "devices", "events")  # the README names it
    assert "cambusctl doctor" in LINES
    _, out, _ = await hands.types("doctor", "--json")
    problems = [each for each in json.loads(out)["findings"] if each["level"] == "problem"]
    assert [each for each in problems if "gate-1" not in str(each)] == []


async def test_alarms_of_recorders_come_out_of_the_webhook(demonstration):
    """They come every 30 s."""
    process, told = demonstration
    assert told["nats"].startswith("nats://127.0.0.1:")
    silent = {"gate", "yard"}
    async with asyncio.timeout(120):
        while silent:
            line = json.loads(await process.stdout.readline())
            assert line["event"] == "alarm", line
            silent = {device for device in silent if f"{device}/" not in line["text"]}


async def test_up_runs_a_file_of_ones_own(tmp_path):
    write_devices(tmp_path)
    (line,) = (line for line in LINES if line.startswith("cambusctl up"))
    arguments = shlex.split(line)[1:]
    process = await begin(tmp_path, *arguments, *FREE_PORTS, CAMBUS_DISK_RESERVE_MIB="0")
    shown = []
    try:
        async with asyncio.timeout(120):
            while not any(each.startswith("Ctrl-C") for each in shown):
                got = (await process.stdout.readline()).decode()
                assert got, (await process.stderr.read()).decode()
                shown.append(got)
    finally:
        await end(process)
    assert any("1 device applied" in each for each in shown)
    assert any("credentials.key" in each for each in shown)
    assert process.returncode in (0, 130)


@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: f"{page.parent.name}-{page.stem}")
async def test_a_page_is_followed_and_what_it_says_comes_about(page, following):
    await following.follows(page)
