"""A link, as the agent that registers wants it (§12, GB-250)."""

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from cambus.connector_gb28181.cascade.settings import CascadeSettings
from cambus.connector_gb28181.cascade.upper import agent_settings
from cambus.gb28181.versions import Version
from cambus.schemas.state.cascade import CascadeLink
from cambus.schemas.state.credentials import Credentials

OURS, UPPER = "34020000002000000002", "34010000002000000001"


def settings(credentials=None, **fields):
    values = {"id": "up", "code": OURS, "server_code": UPPER, "server_address": "192.0.2.1:5070", **fields}
    context = SimpleNamespace(link=CascadeLink.model_validate(values), settings=CascadeSettings())
    return agent_settings(context, credentials or Credentials(password=SecretStr("p")))


def test_what_a_link_does_not_say_is_as_the_standard_has_it():
    made = settings()
    assert (made.code, made.server_code, made.domain) == (OURS, UPPER, UPPER[:10])
    assert (made.server, made.tcp, made.password) == (("192.0.2.1", 5070), False, "p")
    assert (made.version, made.charset) == (Version.GB2016, "GB2312")
    assert made.keepalive_s == 60.0


def test_each_link_says_for_itself_how_it_registers():
    made = settings(
        server_domain="34010000",
        server_address="[2001:db8::1]:5060",
        transport="tcp",
        expires_s=7200,
        keepalive_s=30.0,
        version="3.0",
        local_port=5066,
        retry_s=90.0,
    )
    assert (made.domain, made.server, made.tcp, made.port) == ("34010000", ("2001:db8::1", 5060), True, 5066)
    assert (made.expires_s, made.keepalive_s, made.retry_s) == (7200, 30.0, 90.0)
    assert (made.version, made.charset) == (Version.GB2022, "GB18030")
    assert settings(version="3.0", charset="UTF-8").charset == "UTF-8"


@pytest.mark.parametrize(
    ("of_link", "of_credentials", "username"),
    [("", "", ""), ("", "known", "known"), ("own", "known", "own")],
)
def test_the_name_it_proves_itself_with_is_that_of_the_link_else_of_its_credentials(
    of_link, of_credentials, username
):
    credentials = Credentials(username=of_credentials, password=SecretStr("p"))
    assert settings(credentials, username=of_link).username == username
