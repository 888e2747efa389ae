"""The player page never makes markup of a text, with or without a browser to prove it in."""

import re
from importlib.resources import files

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cambus.media_relay.page import Page

FOLDER = files("cambus.media_relay") / "player"
SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|eval\(|new Function|javascript:|setTimeout\(['\"`]"
)


@pytest.mark.parametrize(
    "name", sorted(each.name for each in FOLDER.iterdir() if each.name.endswith((".js", ".html")))
)
def test_no_script_makes_markup_of_a_text(name):
    text = (FOLDER / name).read_text()
    assert not SINKS.findall(text)
    if name.endswith(".html"):
        assert not re.findall(r"<script(?![^>]*\bsrc=)|\son[a-z]+=", text)  # all code is in files of ours


async def test_the_page_runs_no_code_but_its_own():
    application = web.Application()
    application.add_routes(Page().routes())
    async with TestClient(TestServer(application)) as client:
        answer = await client.get("/")
        policy = answer.headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert "unsafe" not in policy
