"""The certificate publishers are shown, read again when its files change."""

import logging
import ssl
from pathlib import Path

logger = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


class CertificateError(Exception):
    """The files are not what they should be; the text says which, and what is wrong."""


class Certificate:
    """A certificate with its chain, and its key.

    Args:
        certificate: file with the certificate, and those it was signed with, in PEM.
        key: file with its key in PEM, without a passphrase; None: it is in the same file.

    Attributes:
        context: for servers; new connections get the files as they were last found to be right.

    Raises:
        CertificateError: they cannot be used.
    """

    def __init__(self, certificate: Path, key: Path | None) -> None:
        self._certificate = certificate
        self._key = key or certificate
        self._stamp = self._seen()
        self.context = self._loaded(_new_context())

    def renew(self) -> bool:
        """Read the files again if they have changed; whether new ones are shown now. They may be half written."""
        try:
            stamp = self._seen()
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            self._loaded(_new_context())  # what is wrong must not spoil the one in use
            self._loaded(self.context)
        except CertificateError as error:
            logger.warning("the certificate for publishers stays the old one", extra={"reason": str(error)})
            return False
        logger.info("the certificate for publishers was renewed", extra={"file": str(self._certificate)})
        return True

    def _seen(self) -> Stamp:
        """What tells these files from others."""
        try:
            facts = [path.stat() for path in (self._certificate, self._key)]
        except OSError as error:
            raise CertificateError(f"{error.filename}: {error.strerror}") from None
        return tuple((each.st_ino, each.st_mtime_ns, each.st_size) for each in facts)

    def _loaded(self, context: ssl.SSLContext) -> ssl.SSLContext:
        try:
            context.load_cert_chain(self._certificate, self._key, password=_no_passphrase)
        except ssl.SSLError as error:
            raise CertificateError(self._why(error)) from None
        except OSError as error:
            raise CertificateError(
                f"{error.filename or self._certificate}: {error.strerror or error}"
            ) from None
        return context

    def _why(self, error: ssl.SSLError) -> str:
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"{self._key}: the key is not that of the certificate {self._certificate}"
        if self._key == self._certificate:
            return f"{self._certificate}: wanted a certificate and its key in PEM"
        return (
            f"{self._certificate}, {self._key}: wanted a certificate and a key in PEM, without a passphrase"
        )


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_passphrase() -> str:
    """Asked for where a key has a passphrase; without this OpenSSL would ask at the terminal."""
    return ""
