"""Processes of the suite that tests start begin in a tenth of their time: forked by one that has imported everything.

A fifth of what the end-to-end tests cost was the same imports over and over. `subprocess.Popen` asks `warm_server.py`
for the programs of the suite, and for those alone; whatever is unusual about a start, and every test marked
`cold_start`, has its program executed as ever, and so has everything where `CAMBUS_TESTS_COLD=1`. Either way it is a
process of its own with its own id, signals, streams and exit code, and the child of the one that started it.
"""

import ctypes
import inspect
import os
import pickle
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pytest
from warm_server import LONGEST_ORDER, SERVICES, Order

PR_SET_CHILD_SUBREAPER: Final = 36
ALL_COLD: Final = "CAMBUS_TESTS_COLD"
"""The variable that has every program executed."""
SERVER: Final = Path(__file__).with_name("warm_server.py")
SCRIPTS: Final = Path(sysconfig.get_path("scripts"))
CODES: Final = ("from cambus.cli.main import main; main()", "from cambus.simulators.cli import main; main()")
PROGRAMS: Final = (str(SCRIPTS / "cambusctl"), str(SCRIPTS / "cambus-sim"))
USERS: Final = {"e2e", "integration"}
"""The folders of the tests that start programs."""
SETTLED: Final = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "OPENBLAS_", "OPENSSL_", "SSL_")
"""Beginnings of variables that count when a process is executed, and not later."""
USUAL: Final[Mapping[str, Any]] = {
    "executable": None,
    "pass_fds": (),
    "shell": False,
    "restore_signals": True,
    "gid": None,
    "gids": None,
    "uid": None,
    "umask": -1,
    "process_group": -1,
}
"""What a start must be like for us."""
PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
STARTS: Final = pytest.StashKey["WarmStarts"]()


class WarmStarts:
    """One server, and what it is asked for."""

    def __init__(self) -> None:
        self.wanted = True
        self._settled = settled(os.environ)
        self._lock = threading.Lock()
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            null = subprocess.DEVNULL
            command = [sys.executable, "-P", str(SERVER), str(theirs.fileno())]
            self._server = subprocess.Popen(
                command, stdin=null, stdout=null, stderr=null, pass_fds=[theirs.fileno()], cwd="/"
            )
        with suppress(OSError):
            self._said()  # nothing, if it can not import them: then they say themselves why

    def begin(self, order: Order, streams: list[int]) -> int:
        """Begin a process; 0: it is not to be had like this."""
        data = pickle.dumps(order)
        if len(data) > LONGEST_ORDER or not self.wanted:
            return 0
        with self._lock:
            adopt(wanted=True)
            try:
                socket.send_fds(self._link, [data], streams)
                return self._said()
            except OSError:  # it is gone, or was left in the middle of an order
                return 0
            finally:
                adopt(wanted=False)

    def _said(self) -> int:
        try:
            return int(self._link.recv(32) or b"0")
        except BaseException:  # such as a test's time-out: what comes later would be taken for another answer
            self._link.close()
            raise

    def possible(self, environment: Mapping[str, str]) -> bool:
        """Whether nothing is to be otherwise in the environment that the server can not change any more."""
        return self.wanted and settled(environment) == self._settled

    def end(self) -> None:
        """End the server. What it has forked goes on."""
        self._link.close()
        self._server.wait()


def settled(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment counts once and for all when a process begins."""
    return {name: value for name, value in environment.items() if name.startswith(SETTLED)}


def adopt(*, wanted: bool) -> None:
    """Become the parent of processes below us whose own has ended (Linux)."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def order_of(asked: Mapping[str, Any]) -> Order | None:
    """What a call of `Popen` orders; None: no program of the suite, or in an unusual way."""
    if any(asked.get(name, usual) != usual for name, usual in USUAL.items()):
        return None
    words = asked["args"]
    if isinstance(words, str | bytes | os.PathLike):
        return None
    words = [os.fsdecode(word) for word in words]
    match words:
        case [program, *arguments] if program in PROGRAMS:
            kind, what = "script", program
        case [sys.executable, "-m", str(what), *arguments] if what in SERVICES:
            kind = "-m"
        case [sys.executable, "-c", str(what), *arguments] if what in CODES:
            kind = "-c"
        case _:
            return None
    first = asked["preexec_fn"]
    if first is not None and not getattr(first, "__module__", "").startswith("cambus."):
        return None
    environment = dict(os.environ if asked["env"] is None else asked["env"])
    folder = Path(os.fsdecode(asked["cwd"] or Path.cwd()))
    if not folder.is_dir():
        return None
    session = bool(asked["start_new_session"])
    return Order(kind, what, tuple(arguments), environment, str(folder), session, first)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark means."""
    config.addinivalue_line("markers", "cold_start: programs are executed, not forked by one that is warm")


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session):
    """Start programs warm while tests run in this process."""
    if not is_possible(session.config) or not any(USERS & {*item.path.parts} for item in session.items):
        return (yield)
    starts = WarmStarts()
    executed = subprocess.Popen._execute_child
    told = inspect.signature(executed)

    def execute_child(popen: Any, *values: Any, **named: Any) -> None:
        asked = told.bind(popen, *values, **named).arguments
        order = order_of(asked) if starts.wanted else None
        if order is not None and starts.possible(order.environment):
            ends = [asked["p2cread"], asked["c2pwrite"], asked["errwrite"]]
            process = starts.begin(order, [own if end == -1 else end for own, end in enumerate(ends)])
            if process:
                popen.pid = process
                popen._child_created = True
                popen._close_pipe_fds(*(asked[name] for name in PIPES))
                return
        executed(popen, *values, **named)

    session.config.stash[STARTS] = starts
    subprocess.Popen._execute_child = execute_child
    try:
        return (yield)
    finally:
        subprocess.Popen._execute_child = executed
        starts.end()


def is_possible(config: pytest.Config) -> bool:
    """Whether tests run in this process, not in workers of it, and nobody wants all programs executed."""
    runs = hasattr(config, "workerinput") or not getattr(config.option, "numprocesses", None)
    return runs and sys.platform == "linux" and not config.option.collectonly and not os.environ.get(ALL_COLD)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tests that say so have every program executed, those of their fixtures as well."""
    starts = item.config.stash.get(STARTS, None)
    if starts is not None:
        starts.wanted = item.get_closest_marker("cold_start") is None
