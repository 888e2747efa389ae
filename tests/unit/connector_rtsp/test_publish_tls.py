"""The certificate publishers are shown: read at the start, renewed while everything runs, refused where it is none."""

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from pydantic import ValidationError
from tls_contexts import tls_contexts

from cambus.connector_rtsp.publish.tls import Certificate, CertificateError
from cambus.connector_rtsp.settings import RtspSettings


def made(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A file with a certificate and its key, and who trusts it."""
    (folder / name).mkdir()
    _, trusting = tls_contexts(folder / name)
    return folder / name / "platform.pem", trusting


def parts(file: Path) -> tuple[str, str]:
    """The certificate and the key of a file."""
    certificate, marker, key = file.read_text().partition("-----BEGIN PRIVATE KEY-----")
    return certificate, marker + key


async def is_shown_to(server: Certificate, trusting: ssl.SSLContext) -> bool:
    """Whether somebody who trusts another certificate only would say so."""
    listening = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server.context
    )
    async with listening:
        try:
            port = listening.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)
        return True


async def test_a_renewed_certificate_is_shown_to_those_that_come_later(tmp_path: Path) -> None:
    first, trusts_first = made(tmp_path, "first")
    second, trusts_second = made(tmp_path, "second")
    file = tmp_path / "shown.pem"
    file.write_bytes(first.read_bytes())
    certificate = Certificate(file, None)
    assert not certificate.renew()
    assert await is_shown_to(certificate, trusts_first)
    file.write_bytes(second.read_bytes())
    assert certificate.renew()
    assert await is_shown_to(certificate, trusts_second)
    assert not await is_shown_to(certificate, trusts_first)


async def test_files_that_do_not_fit_leave_the_old_certificate_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, trusts_first = made(tmp_path, "first")
    second, trusts_second = made(tmp_path, "second")
    file, key = tmp_path / "shown.pem", tmp_path / "key.pem"
    file.write_text(parts(first)[0])
    key.write_text(parts(first)[1])
    certificate = Certificate(file, key)
    file.write_text(parts(second)[0])  # its key is yet to come
    assert not certificate.renew()
    assert "stays the old one" in caplog.text
    assert await is_shown_to(certificate, trusts_first)
    caplog.clear()
    assert not certificate.renew()
    assert caplog.text == ""  # told once
    key.unlink()
    assert not certificate.renew()
    key.write_text(parts(second)[1])
    assert certificate.renew()
    assert await is_shown_to(certificate, trusts_second)


def test_what_is_wrong_with_the_files_is_said(tmp_path: Path) -> None:
    first, _ = made(tmp_path, "first")
    second, _ = made(tmp_path, "second")
    key = tmp_path / "key.pem"
    key.write_text(parts(second)[1])
    with pytest.raises(CertificateError, match=r"key\.pem: the key is not that of the certificate"):
        Certificate(first, key)
    with pytest.raises(CertificateError, match=r"nowhere\.pem: No such file"):
        Certificate(tmp_path / "nowhere.pem", None)
    alone = tmp_path / "alone.pem"
    alone.write_text(parts(first)[0])
    with pytest.raises(CertificateError, match="wanted a certificate and its key"):
        Certificate(alone, None)
    loaded = serialization.load_pem_private_key(parts(first)[1].encode(), None)
    key.write_bytes(
        loaded.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"phrase"),
        )
    )
    with pytest.raises(CertificateError, match="without a passphrase"):
        Certificate(first, key)


def test_settings_that_can_not_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="need publish_certificate_file"):
        RtspSettings(rtmps_publish_port=0)
    with pytest.raises(ValidationError, match="needs publish_certificate_file"):
        RtspSettings(publish_key_file=tmp_path / "key.pem")
    first, _ = made(tmp_path, "first")
    second, _ = made(tmp_path, "second")
    wrong = RtspSettings(rtsps_publish_port=0, publish_certificate_file=first, publish_key_file=second)
    assert "not that of the certificate" in wrong.check_files()[0]
    missing = RtspSettings(rtsps_publish_port=0, publish_certificate_file=tmp_path / "nowhere")
    assert "No such file" in missing.check_files()[0]
    right = RtspSettings(rtsps_publish_port=0, publish_certificate_file=first)
    assert right.check_files() == []
    assert right.takes_publishers
    assert RtspSettings(publish_certificate_file=first).certificate() is None
