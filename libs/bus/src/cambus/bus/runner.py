"""Runs a service as a process: arguments, settings, logging, the loop, signals, the orderly end.

A stop (SIGTERM, SIGINT) is: unready, give up leases, finish what is under way, flush, close; all within
`CAMBUS_DRAIN_TIMEOUT_S`. A second signal ends the process at once. The exit code is 0 after an orderly end,
1 after any failure (a task that failed, a connection closed for good, a drain cut short), 2 for settings
that are wrong.
"""

import argparse
import asyncio
import errno
import gc
import logging
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from cambus.bus.assets import wait_for_assets
from cambus.bus.describe import describe_settings, effective_settings, explain_invalid
from cambus.bus.logging import configure_logging
from cambus.bus.monitor import watch_loop, watch_nats_sync
from cambus.bus.outbox import OutboxFailed
from cambus.bus.service import CannotRun, Runtime, S, Service
from cambus.bus.version import suite_version
from cambus.client.tasks import end
from cambus.client.tracing import enable

logger = logging.getLogger(__name__)

COLLECT_AFTER = 20_000, 20, 20
"""Allocations between two searches for garbage: with Python's 700 a service of thousands of devices spends a quarter of
its time on going over what lives."""
MAX_FILES = 65_536
"""Descriptors a service may have, if the system lets it: the 1024 it gets by itself on most are fewer than the
connections its ports may have, and none would be left for its files."""
EXIT_OK, EXIT_FAILED, EXIT_USAGE = 0, 1, 2
ABORT_S = 5.0
DRAIN_SHARE = 0.7  # of the time a stop may take; the rest is for flushing and closing
CALLS_SHARE = 0.5
STARTED = "started"
HTTP = "http"
"""In the metadata of discovery: the address of the HTTP port."""
_OF_FILES = (errno.ENOENT, errno.ENOTDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC)
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class DrainCutShort(Exception):
    """The service did not stop in time, or was told to hurry."""


def run_service(
    service_class: type[Service[S]], settings_class: type[S], argv: Sequence[str] | None = None
) -> int:
    """Run a service until it is told to stop; the whole body of a `__main__`.

    Args:
        service_class: the service.
        settings_class: its settings, read from the environment.
        argv: the arguments; the process's own when None.

    Returns:
        The exit code.
    """
    arguments = _parser(service_class, settings_class).parse_args(argv)
    try:
        settings = settings_class()
    except ValidationError as error:
        sys.stderr.write(explain_invalid(settings_class, error))
        return EXIT_USAGE
    problems = settings.check_files()
    if problems:
        sys.stderr.write("".join(f"{problem}\n" for problem in problems))
        return EXIT_USAGE
    if arguments.check_config:
        sys.stdout.write(effective_settings(settings))
        return EXIT_OK
    configure_logging(service_class.name, level=settings.log_level, log_format=settings.log_format)
    tracing = enable(service_class.name, instance=settings.instance, version=suite_version())
    try:
        return _run(service_class, settings)
    finally:
        if tracing is not None:
            tracing.close()


def _parser(service_class: type[Service[S]], settings_class: type[S]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"cambus-{service_class.name}",
        description=service_class.summary,
        epilog=describe_settings(settings_class),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{service_class.name} {suite_version()}")
    parser.add_argument("--check-config", action="store_true", help="check the settings, print them and exit")
    return parser


def _run(service_class: type[Service[S]], settings: S) -> int:
    gc.freeze()  # what the imports made stays
    gc.set_threshold(*COLLECT_AFTER)
    allow_files()
    try:
        with asyncio.Runner(loop_factory=_new_loop) as runner:
            runner.run(serve(service_class, settings))
    except Exception as error:
        for cause in _leaves(error):
            reason = _reason_of(cause)
            logger.critical(
                "the service failed",
                exc_info=None if reason else cause,
                extra={"reason": reason} if reason else {},
            )
            if reason:
                logger.debug("where", exc_info=cause)
        return EXIT_FAILED
    return EXIT_OK


def allow_files() -> None:
    """Raise the bound of open files as far as this process may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _reason_of(error: BaseException) -> str:
    """What is wrong with the machine or its settings, for which nobody needs a traceback; else empty."""
    if isinstance(error, CannotRun):
        return str(error)
    if isinstance(error, OutboxFailed):
        return f"{error}; CAMBUS_DATA_DIR says where to keep things"
    if not isinstance(error, OSError):
        return ""
    if error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL):
        return f"{error.strerror}; the settings ending in _PORT and _HOST say where to listen (--help)"
    if error.errno in _OF_FILES and error.filename is not None:
        return f"{error.filename}: {error.strerror}; CAMBUS_DATA_DIR says where to keep things"
    return ""


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


async def serve(service_class: type[Service[S]], settings: S) -> None:
    """Run a service in this event loop until it is told to stop.

    Raises:
        DrainCutShort: it did not stop in time.
        Exception: whatever made it fail.
    """
    runtime = Runtime(service_class.name, service_class.summary, settings)
    hurry = asyncio.Event()
    _handle_signals(runtime.stopping, hurry)
    service = service_class(runtime)
    runtime.health.set(STARTED, ok=False, detail="starting")
    await runtime.http.start()
    runtime.endpoints.metadata[HTTP] = runtime.http.url
    logger.info("starting", extra={"version": suite_version(), "http_port": runtime.http.port})
    orderly = False
    try:
        async with asyncio.TaskGroup() as group:
            runtime.own_tasks(group)
            try:
                watch_all(runtime)
                starting = runtime.spawn(_start(runtime, service), name="start")
                await runtime.stopping.wait()
                logger.info("stopping")
                starting.cancel()
                drain_s = settings.drain_timeout_s * DRAIN_SHARE
                await _within(_drain(runtime, service), hurry, drain_s)
                orderly = True
            finally:  # the group cancels once, which a task may miss
                await runtime.end_tasks()
    finally:
        runtime.own_tasks(None)
        if not orderly:
            await _abort(runtime, service)
        await _close(runtime)
    logger.info("stopped")


def watch_all(runtime: Runtime[Any]) -> None:
    """Begin to measure what is the same for every service."""
    runtime.spawn(watch_loop(runtime.metrics), name="loop lag")
    if runtime.settings.nats_monitor_url:
        runtime.spawn(watch_nats_sync(runtime.settings.nats_monitor_url, runtime.metrics), name="nats sync")


def _handle_signals(stopping: asyncio.Event, hurry: asyncio.Event) -> None:
    def stop() -> None:
        if stopping.is_set():
            hurry.set()
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, stop)


async def _start(runtime: Runtime[Any], service: Service[Any]) -> None:
    bus = runtime.bus
    await bus.open()
    runtime.spawn(bus.wait_closed(), name="nats closed")
    if runtime.settings.create_assets:
        await wait_for_assets(bus)
    runtime.begun = True
    await service.start()
    await runtime.endpoints.start()
    runtime.health.set(STARTED, ok=True)
    logger.info("started")


async def _drain(runtime: Runtime[Any], service: Service[Any]) -> None:
    runtime.health.drain()
    if not runtime.begun:
        return
    await service.release()
    await runtime.endpoints.drain(timeout_s=runtime.settings.drain_timeout_s * CALLS_SHARE)
    await service.stop()


async def _within(work: Any, hurry: asyncio.Event, timeout_s: float) -> None:
    """Finish the work, unless it takes too long or a second signal comes."""
    task = asyncio.ensure_future(work)
    hurried = asyncio.ensure_future(hurry.wait())
    try:
        await asyncio.wait({task, hurried}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise DrainCutShort("told to hurry" if hurried.done() else f"not stopped within {timeout_s:g} s")
        task.result()
    finally:
        await end(task, hurried)


async def _abort(runtime: Runtime[Any], service: Service[Any]) -> None:
    """After a failure: still hand over what others can take, briefly."""
    runtime.health.drain()
    try:
        async with asyncio.timeout(ABORT_S):
            if runtime.begun and runtime.bus.connected:
                await service.release()
                await runtime.endpoints.drain(timeout_s=1.0)
    except Exception as error:
        logger.warning("could not hand over", exc_info=error)


async def _close(runtime: Runtime[Any]) -> None:
    """Flush and close; what is left of the time is shared out, so that one that hangs takes not all of it."""
    share_s = runtime.settings.drain_timeout_s * (1 - DRAIN_SHARE) / 3
    for close in (runtime.close_resources, runtime.bus.close, runtime.http.stop):
        try:
            async with asyncio.timeout(share_s):
                await close()
        except Exception as error:
            logger.warning("could not close", exc_info=error)
