"""`make audit` with the real pip-audit, and an advisory service that answers well, badly, late or not at all."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import audit
import pytest

pytestmark = pytest.mark.slow  # installs pip-audit into an environment of its own

LOCK = "".join(f"{each} --hash=sha256:{0:064d}\n" for each in ("attrs==25.1.0", "idna==3.10"))
AT = "2026-01-01T00:00:00Z"
ADVISORY = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-1"],
    "summary": "something is wrong",
    "modified": AT,
    "published": AT,
    "affected": [
        {
            "package": {"name": "attrs", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}
Answer = Callable[[str], tuple[int, bytes]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("pip-audit")
    try:
        audit.pip_audit(made)
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"pip-audit can not be had: {error}")
    return made


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """An advisory service; what it says of a package is up to the test."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(asked["package"]["name"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serves = threading.Thread(target=server.serve_forever)
        serves.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()
            serves.join()


def one_is_known(name: str) -> tuple[int, bytes]:
    return 200, json.dumps({"vulns": [ADVISORY]} if name == "attrs" else {}).encode()


@pytest.fixture
def audited(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    lock = tmp_path / "requirements.lock"
    lock.write_text(LOCK)

    def run(url: str, **options: float) -> tuple[int, str]:
        code = audit.main(home, lock, url, **options)
        return code, "".join(capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (lambda _: (200, b"{}"), 0, "2 dependencies looked up, something is known of 0"),
        (one_is_known, 1, "attrs 25.1.0: CVE-2026-1, mended in 99.1"),
        (lambda _: (200, b"<html>down</html>"), 2, "nobody could be asked"),
        (lambda _: (500, b""), 2, "nobody could be asked"),
    ],
    ids=["none", "one", "malformed", "broken"],
)
def test_the_code_and_the_words_say_what_the_service_said(
    audited: Callable[..., Any], answer: Answer, code: int, said: str
) -> None:
    with serving(answer) as url:
        found, text = audited(url)
    assert (found, said in text) == (code, True), text


def test_a_service_that_is_not_there_is_named(audited: Callable[..., Any]) -> None:
    with serving(one_is_known) as url:
        pass
    code, text = audited(url)
    assert code == 2
    assert "Connection refused" in text
    assert f"and {url}, which has the advisories" in text


def test_one_that_does_not_answer_is_given_up(audited: Callable[..., Any]) -> None:
    go_on = threading.Event()

    def never(_: str) -> tuple[int, bytes]:
        go_on.wait()
        return 500, b""

    with serving(never) as url:
        code, text = audited(url, longest_s=3.0)
        go_on.set()
    assert code == 2
    assert "no answer to all of it within 3 s" in text
