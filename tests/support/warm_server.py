"""A Python that has imported the suite already, and forks one process after another that goes on as a program of it.

    python -P warm_server.py SOCKET

It says `1` once it is ready. Each order comes over the socket with the descriptors of its standard streams; the answer
is the process id. What was forked runs the real program from its beginning in a process of its own, whose parent is
whoever ordered it: that one says so to the kernel (`PR_SET_CHILD_SUBREAPER`), and the process between the two ends at
once. It runs nothing before that. The end of the socket ends this one; there are neither threads nor event loops.
"""

import gc
import importlib
import os
import pickle
import pkgutil
import runpy
import socket
import sys
import time
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Final

LONGEST_ORDER: Final = 200_000
STREAMS: Final = 3
SERVICES: Final = (
    "cambus.alarm_router",
    "cambus.connector_dvrip",
    "cambus.connector_gb28181",
    "cambus.connector_rtsp",
    "cambus.media_relay",
    "cambus.recorder",
    "cambus.upgrade_manager",
)
MODULES: Final = (
    *(f"{name}.{part}" for name in SERVICES for part in ("service", "settings")),
    *("cambus.bus.runner", "cambus.recorder.maintenance", "cambus.simulators.cli"),
    *("rich.progress", "typer.rich_utils", "uvloop"),
)
PACKAGES: Final = ("cambus.cli", "cambus.cli.commands", "cambus.cli.stack", "cambus.cli.doctor")


@dataclass(frozen=True, slots=True)
class Order:
    """A process to begin, as `subprocess.Popen` is told.

    Attributes:
        kind: `-m`, `-c` or a script, and `what` of it is run.
        what: the module, the code or the script's path.
        arguments: what follows it.
        environment, folder: as they are to be; None: as they are where it is ordered.
        session: whether it begins a session of its own.
        first: what is called in the process before anything else.
    """

    kind: str
    what: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: str
    session: bool
    first: Callable[[], object] | None


def main() -> None:
    """Take orders; in a process that was forked, be what was ordered."""
    link = socket.socket(fileno=int(sys.argv[1]))
    sys.modules["warm_server"] = sys.modules["__main__"]  # as orders name it
    gc.disable()
    load()
    gc.freeze()
    link.send(b"1")
    order = serve(link)
    if order is not None:
        del sys.modules["warm_server"]
        sys.modules["__main__"] = types.ModuleType("__main__")
        run(order)


def serve(link: socket.socket) -> Order | None:
    """Fork for every order; returns in the forked process, and at the end of the socket."""
    while True:
        data, streams, _, _ = socket.recv_fds(link, LONGEST_ORDER, STREAMS)
        if not data:
            return None
        order: Order = pickle.loads(data)
        process = forked()
        if process == 0:
            link.close()
            become(order, streams)
            return order
        for each in streams:
            os.close(each)
        link.send(b"%d" % process)


def load() -> None:
    """Import what the programs import, now or later."""
    for name in MODULES:
        importlib.import_module(name)
    for name in PACKAGES:
        for found in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(found.name)


def forked() -> int:
    """A process whose parent is that of this one: 0 in it, and here its id."""
    told, telling = os.pipe()
    gate, opening = os.pipe()
    between = os.fork()
    if between == 0:
        process = os.fork()
        if process:
            os.write(telling, b"%d" % process)
            os._exit(0)
        os.close(opening)
        os.read(gate, 1)  # ends once nobody is between it and its parent
        for each in (told, telling, gate):
            os.close(each)
        return 0
    os.close(telling)
    process = int(os.read(told, 32))
    os.waitpid(between, 0)
    for each in (told, gate, opening):
        os.close(each)
    return process


def become(order: Order, streams: list[int]) -> None:
    """Make everything as a program finds it that was executed."""
    if order.session:
        os.setsid()
    for number, each in enumerate(streams):
        os.dup2(each, number)
        os.close(each)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    time.tzset()
    if order.first is not None:
        order.first()
    sys.stdin = sys.__stdin__ = stream(0, "r")
    sys.stdout = sys.__stdout__ = stream(1, "w")
    sys.stderr = sys.__stderr__ = stream(2, "w")
    sys.argv[:] = [order.what if order.kind == "script" else order.kind, *order.arguments]
    beside = {"-c": "", "-m": order.folder}
    sys.path[0:0] = [beside.get(order.kind, str(Path(order.what).parent))]
    gc.enable()


def stream(number: int, mode: str) -> TextIOWrapper:
    """A standard stream, as Python opens it."""
    before = (sys.stdin, sys.stdout, sys.stderr)[number]
    buffering = 1 if number == 2 or os.isatty(number) else -1
    return open(number, mode, buffering, before.encoding, before.errors, closefd=False)


def run(order: Order) -> None:
    """Run the program as the interpreter would; how it ends is how the interpreter ends."""
    if order.kind == "-m":
        runpy.run_module(order.what, run_name="__main__", alter_sys=True)
    elif order.kind == "-c":
        exec(compile(order.what, "<string>", "exec"), sys.modules["__main__"].__dict__)  # what -c does
    else:
        runpy.run_path(order.what, run_name="__main__")


if __name__ == "__main__":
    main()
