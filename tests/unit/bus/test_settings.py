"""Settings from the environment, secrets from files."""

import pytest
from pydantic import SecretStr, ValidationError

from cambus.bus.describe import describe_settings, effective_settings, explain_invalid
from cambus.bus.settings import BusSettings
from cambus.client.login import default_instance
from cambus.client.secret_file import read_secret
from cambus.schemas.ids import is_token


class DemoSettings(BusSettings):
    port: int = 5
    token: SecretStr = SecretStr("canary")
    needed: str


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("CAMBUS_"):
            monkeypatch.delenv(name)


def test_variables_have_the_prefix(monkeypatch):
    monkeypatch.setenv("CAMBUS_NATS_URL", "nats://a:1, nats://b:2")
    monkeypatch.setenv("CAMBUS_NEEDED", "x")
    settings = DemoSettings()
    assert settings.login.servers == ("nats://a:1", "nats://b:2")
    assert settings.needed == "x"


def test_the_default_instance_is_a_token():
    assert is_token(default_instance())


@pytest.mark.parametrize(
    "wrong",
    [
        {"nats_password_file": "x"},
        {"nats_user": "u", "nats_creds_file": "x"},
        {"nats_cert_file": "x"},
        {"nats_url": "nats://user:hunter2@host"},
        {"instance": "a b"},
        {"http_port": 70000},
    ],
)
def test_contradictions_are_refused_without_repeating_the_value(wrong):
    with pytest.raises(ValidationError) as caught:
        BusSettings(**wrong)
    assert "hunter2" not in str(caught.value)


def test_a_secret_is_read_without_its_newline(tmp_path):
    path = tmp_path / "secret"
    path.write_text("s3cret \n")
    assert read_secret(path) == "s3cret "


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 70_000])
def test_an_empty_or_huge_secret_is_refused(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="wanted a secret") as caught:
        read_secret(path)
    assert "xxx" not in str(caught.value)


def test_missing_files_are_named(tmp_path):
    settings = BusSettings(nats_ca_file=tmp_path / "ca.pem")
    assert settings.check_files() == [f"nats_ca_file: {tmp_path / 'ca.pem'}: No such file or directory"]


def test_help_lists_every_setting_with_its_variable_and_no_secret():
    text = describe_settings(DemoSettings)
    for name in DemoSettings.model_fields:
        assert f"CAMBUS_{name.upper()}" in text
    assert "CAMBUS_NEEDED  (required)" in text
    assert "canary" not in text


def test_effective_settings_star_secrets():
    text = effective_settings(DemoSettings(needed="n"))
    assert "CAMBUS_TOKEN=***\n" in text
    assert "CAMBUS_NEEDED=n\n" in text
    assert "canary" not in text


def test_an_invalid_setting_is_explained_by_its_variable(monkeypatch):
    monkeypatch.setenv("CAMBUS_PORT", "hunter2")
    with pytest.raises(ValidationError) as caught:
        DemoSettings()
    text = explain_invalid(DemoSettings, caught.value)
    assert "CAMBUS_PORT: " in text
    assert "CAMBUS_NEEDED: Field required" in text
    assert "hunter2" not in text
