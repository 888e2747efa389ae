"""Every setting and every field that holds a secret is one by its type, and has a canary in some test.

They are found, not listed: a new one fails here until it is planted. Canaries of what services do with secrets are in
the tests that `PLANTED` names; what is the same for all of them is proven here.
"""

import importlib
import logging
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cambus.bus.connection import Bus
from cambus.bus.describe import describe_settings, effective_settings
from cambus.bus.endpoints import Endpoints
from cambus.bus.logging import JsonFormatter
from cambus.bus.sealing import KeyRing, SealError
from cambus.bus.settings import BusSettings
from cambus.cli.stack.options import SERVICES
from cambus.client.calling import BusClient
from cambus.connector_rtsp.settings import RtspSettings
from cambus.schemas.catalog import DEVICE_COMMANDS
from cambus.schemas.errors import CambusError
from cambus.schemas.registry import declared_example, models

ROOT = Path(__file__).parents[3]
CANARY = "canary-9c1d4b77-of-every-secret"
HERE = "tests/contract/security/test_every_secret_has_a_canary.py"
SUITE = "tests/e2e/test_secrets.py::test_nothing_the_suite_keeps_or_logs_shows_a_secret"
LOGIN = f"{HERE}::test_what_logs_in_to_nats_is_in_no_error_and_no_log"
COMMANDS = f"{HERE}::test_a_secret_in_a_request_is_in_no_answer_and_no_log"

PUBLIC = {
    "nats_ca_file",
    "nats_cert_file",
    "sinks_ca_file",
    "copy_ca_file",
    "firmware_keys_file",
    "publish_certificate_file",
}
"""Files anybody may read: certificates and public keys."""

PLANTED = {
    "nats_password_file": "tests/integration/bus/test_connection.py::"
    "test_a_wrong_password_is_told_once_and_not_written_anywhere",
    "nats_creds_file": LOGIN,
    "nats_nkey_file": LOGIN,
    "nats_key_file": LOGIN,
    "credentials_key_file": f"{HERE}::test_what_seals_is_in_no_error",
    "publish_key_file": f"{HERE}::test_the_key_of_publishing_is_in_no_problem",
    "copy_key_id_file": SUITE,
    "copy_secret_file": SUITE,
    "relay_webrtc_turn_credentials_file": SUITE,
    "relay_token_file": "tests/integration/media_relay/test_page_tokens.py::"
    "test_the_shared_token_is_in_no_log_no_metric_and_no_answer",
    "Credentials.password": SUITE,
    "Credentials.token": SUITE,
    "Credentials.previous_password": "tests/unit/bus/test_sealing.py::"
    "test_the_secret_is_in_no_part_of_what_is_stored",
    "IssuedToken.token": "tests/integration/media_relay/test_tokens.py::"
    "test_tokens_are_in_no_log_and_no_metric",
    "ConfigExportRequest.passphrase": COMMANDS,
    "ConfigImportRequest.passphrase": COMMANDS,
    "UsersAddRequest.password": COMMANDS,
    "UsersPasswordRequest.old": COMMANDS,
    "UsersPasswordRequest.new": COMMANDS,
    "DiscoveryAddressRequest.password": "tests/contract/schemas/test_models.py::"
    "test_a_secret_field_shows_only_through_the_codec",
}
"""The test in which the canary of each of them is."""

LOOKS_SECRET = re.compile(r"pass(word|phrase|wd)|secret|token|creds|seed")
NO_SECRET = {
    **dict.fromkeys(
        ("WebhookSink.secret", "EmailSink.secret", "MqttSink.secret", "HttpSink.secret"), "the name of one"
    ),
}
"""What looks like a secret and is none, and why."""


def settings_classes() -> list[type[BusSettings]]:
    found = []
    for service in SERVICES:
        module = importlib.import_module(f"cambus.{service.replace('-', '_')}.settings")
        own = [each for each in vars(module).values() if isinstance(each, type)]
        found += [
            each for each in own if issubclass(each, BusSettings) and each.__module__ == module.__name__
        ]
    return found


def secret_files(settings: type[BusSettings]) -> list[str]:
    """The settings that name a file with a secret in it: every file that is not said to be public."""
    return [name for name in settings.model_fields if name.endswith("_file") and name not in PUBLIC]


def secret_fields() -> list[str]:
    return [
        f"{name}.{field}"
        for name, model in models().items()
        for field, info in model.model_fields.items()
        if "SecretStr" in str(info.annotation)
    ]


def test_each_secret_has_a_test_with_its_canary() -> None:
    known = {name for settings in settings_classes() for name in secret_files(settings)} | set(
        secret_fields()
    )
    assert known == PLANTED.keys()
    for name, test in PLANTED.items():
        file, _, function = test.partition("::")
        text = (ROOT / file).read_text()
        assert re.search(rf"^(async )?def {function}\(", text, re.MULTILINE), f"{name}: {test}"
        if test == SUITE and name.endswith("_file"):
            assert f"CAMBUS_{name.upper()}" in text


def test_what_is_called_like_a_secret_is_one() -> None:
    suspects = [
        f"{name}.{field}"
        for name, model in models().items()
        for field, info in model.model_fields.items()
        if LOOKS_SECRET.search(field) and "str" in str(info.annotation).lower()
    ]
    assert set(suspects) - set(secret_fields()) == NO_SECRET.keys()
    for settings in settings_classes():
        for name, info in settings.model_fields.items():
            text = info.annotation in {str, str | None, SecretStr, SecretStr | None}
            assert not (text and LOOKS_SECRET.search(name)), f"{name}: a secret is a file, never a variable"


@pytest.mark.parametrize("settings", settings_classes(), ids=lambda each: each.__name__)
def test_no_setting_shows_what_is_in_its_file(settings: type[BusSettings], tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"user:{CANARY}\n")
    planted: dict[str, Any] = dict.fromkeys(secret_files(settings), file)
    made = settings.model_construct(**planted)
    shown = repr(made) + str(made) + effective_settings(made) + describe_settings(settings)
    assert CANARY not in shown + str(made.model_dump())


@pytest.mark.parametrize("name", ["nats_creds_file", "nats_nkey_file", "nats_key_file"])
async def test_what_logs_in_to_nats_is_in_no_error_and_no_log(
    name: str, tmp_path: Path, nats_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    file = tmp_path / "secret"
    file.write_text(
        f"-----BEGIN NATS USER JWT-----\n{CANARY}\n-----BEGIN USER NKEY SEED-----\n{CANARY}\n-----END\n"
    )
    more = {"nats_cert_file": file} if name == "nats_key_file" else {}
    settings = BusSettings.model_validate(
        {"nats_url": nats_server.url, "instance": "one", name: file, **more}
    )
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it must not show it
        await Bus.connect(settings, name="canary")
    assert CANARY not in repr(caught.value) + repr(caught.value.__cause__) + caplog.text


def test_what_seals_is_in_no_error(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(CANARY)
    with pytest.raises(SealError) as caught:
        KeyRing.load(file)
    assert CANARY not in repr(caught.value) + repr(caught.value.__cause__)


def test_the_key_of_publishing_is_in_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n")
    settings = RtspSettings.model_validate(
        {
            "rtsps_publish_port": 0,
            "publish_certificate_file": file,
            "publish_key_file": file,
            "create_credentials_key": True,
        }
    )
    problems = settings.check_files()
    assert any("publish_certificate_file" in each for each in problems)
    assert CANARY not in "\n".join(problems)


WITH_SECRETS = [
    (spec, field)
    for spec in DEVICE_COMMANDS.values()
    for field, info in spec.request.model_fields.items()
    if "SecretStr" in str(info.annotation)
]


@pytest.mark.parametrize(("spec", "field"), WITH_SECRETS, ids=lambda each: getattr(each, "name", each))
async def test_a_secret_in_a_request_is_in_no_answer_and_no_log(
    spec: Any, field: str, bus: Bus, unique: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the handler fails in a way nobody thought of, with all it was told in its words."""
    caplog.set_level(logging.DEBUG)

    async def fails(_: object, request: Any) -> None:
        raise RuntimeError(f"{request!r} {request} {request.model_dump()} {request.model_dump_json()}")

    endpoints = Endpoints(bus, f"canary-{unique}", "1.0.0")
    endpoints.add(spec, fails)
    await endpoints.start()
    await endpoints.hold(unique)
    try:
        request = spec.request.model_validate(declared_example(spec.request) | {field: CANARY})
        with pytest.raises(CambusError) as caught:
            await BusClient(bus).call(spec, request, device=unique)
    finally:
        await endpoints.release(unique)
        await endpoints.drain(timeout_s=1)
    formatter = JsonFormatter("canary")
    logged = "".join(formatter.format(record) for record in caplog.records) + caplog.text
    assert (
        type(request).__name__ in logged or "RuntimeError" in logged
    )  # it was logged, or this proves nothing
    assert CANARY not in logged + repr(caught.value.reply()) + bus.metrics.render().decode()
