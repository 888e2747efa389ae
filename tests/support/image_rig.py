"""Images without an engine: built by buildah on a base made of Debian's packages, run in namespaces of their own."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "var" / "images"
BASE = "localhost/cambus-base:bookworm"
TAG = "tested"
PROGRAMS = ("buildah", "unshare", "setpriv", "mount")


def missing() -> str:
    """Why images cannot be built here; empty if they can."""
    if os.geteuid() != 0:
        return "images are built and run as root here"
    gone = [each for each in PROGRAMS if shutil.which(each) is None]
    if not (shutil.which("mmdebstrap") or shutil.which("debootstrap")):
        gone.append("mmdebstrap or debootstrap")
    return f"there is no {', '.join(gone)}" if gone else ""


class Builder:
    """Builds images, and keeps base and layers from one run to the next in `var/images`."""

    def __init__(self) -> None:
        KEPT.mkdir(parents=True, exist_ok=True)
        self._environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
        for driver in ("overlay", "vfs"):
            configuration = KEPT / f"{driver}.conf"
            configuration.write_text(
                f'[storage]\ndriver = "{driver}"\ngraphroot = "{KEPT / driver}"\nrunroot = "{KEPT}/run-{driver}"\n'
            )
            self._environment["CONTAINERS_STORAGE_CONF"] = str(configuration)
            if self._run("buildah", "images", "--quiet").returncode == 0:
                break

    def buildah(self, *arguments: str) -> str:
        """What buildah answers; a failure fails the test, with its words."""
        return self._checked("buildah", *arguments)

    def base(self) -> str:
        """The base image, made if it is not there."""
        if self._run("buildah", "inspect", "--type", "image", BASE).returncode != 0:
            self._checked(str(ROOT / "docker" / "local_base.sh"), BASE)
        return BASE

    def build(self, service: str, scratch: Path) -> str:
        """Build the image of a service by the script people use; returns its name."""
        self._environment |= {**self.environment(scratch), "VERSION": TAG}
        self._checked(str(ROOT / "docker" / "build.sh"), service)
        return f"localhost/cambus/{service}:{TAG}"

    def environment(self, scratch: Path) -> dict[str, str]:
        """The variables under which `docker/build.sh` builds here."""
        return {
            **self._environment,
            "ENGINE": "buildah",
            "BASE": self.base(),
            "PREFIX": "localhost/cambus/",
            **_index(scratch),
        }

    def configuration(self, image: str) -> dict[str, Any]:
        """What the image says of how it is to be run."""
        told: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))
        return dict(told["Docker"]["config"])

    def size_mb(self, image: str) -> float:
        """How large it is, in MB."""
        (told,) = json.loads(self.buildah("images", "--json", image))
        number, unit = str(told["size"]).split()
        return float(number) * {"KB": 0.001, "MB": 1.0, "GB": 1000.0}[unit]

    def _checked(self, *command: str) -> str:
        ran = self._run(*command)
        assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
        return ran.stdout.strip()

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment)


def _index(scratch: Path) -> dict[str, str]:
    """The package index this machine's pip uses, for the time of the build."""
    names = {"PIP_INDEX_URL": "index-url", "PIP_EXTRA_INDEX_URL": "extra-index-url", "PIP_TIMEOUT": "timeout"}
    lines = [f"{key} = {os.environ[name]}" for name, key in names.items() if name in os.environ]
    configuration = scratch / "pip.conf"
    configuration.write_text("\n".join(["[global]", *lines, ""]))
    found = {"PIP_CONF": str(configuration)}
    certificates = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return {**found, "CA_CRT": certificates} if certificates else found


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program left: its exit code, what it printed, and what it complained of."""

    returncode: int
    output: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        """What it printed, as text."""
        return self.output.decode(errors="replace")


@dataclass
class Container(AbstractContextManager["Container"]):
    """An image with a read-only root and folders mounted into it, in namespaces of its own, as the image's user.

    Attributes:
        builder, image: what is run.
        scratch: a folder for where it is put together.
        mounts: folders by the place they are seen at; those of `writable` may be written.
        environment: variables beside the image's own.
    """

    builder: Builder
    image: str
    scratch: Path
    mounts: Mapping[str, Path] = field(default_factory=dict)
    writable: Sequence[str] = ("/data",)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.configuration = self.builder.configuration(self.image)
        self._name = ""
        self._root = ""

    def __enter__(self) -> Self:
        self._name = self.builder.buildah("from", self.image)
        self._root = self.builder.buildah("mount", self._name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.builder.buildah("umount", self._name)
        self.builder.buildah("rm", self._name)

    def start(self, *command: str, log: Path) -> "Process":
        """Run the image's entry point with these arguments."""
        return Process(self._command([*self.configuration["Entrypoint"], *command]), self._variables(), log)

    def ask(self, *command: str, given: bytes = b"") -> Answer:
        """Run something else in a container like it, to its end."""
        ran = subprocess.run(
            self._command(command), env=self._variables(), input=given, capture_output=True, check=False
        )
        return Answer(ran.returncode, ran.stdout, ran.stderr.decode(errors="replace"))

    def run(self, *arguments: str, given: bytes = b"") -> Answer:
        """Run the image's entry point to its end."""
        return self.ask(*self.configuration["Entrypoint"], *arguments, given=given)

    def _variables(self) -> dict[str, str]:
        return {**dict(each.split("=", 1) for each in self.configuration["Env"]), **self.environment}

    def _command(self, command: Sequence[str]) -> list[str]:
        """Everything is mounted in a mount namespace that ends with the process: nothing is left behind."""
        root = self.scratch / "root"
        root.mkdir(exist_ok=True)
        steps = [
            f"mount --bind {self._root} {root}",
            f"mount -o remount,bind,ro {root}",
            f"mount -t tmpfs -o mode=1777 tmpfs {root}/tmp",
            f"mount -t proc proc {root}/proc",
            f"mount -t tmpfs -o mode=755 tmpfs {root}/dev",
            f"touch {root}/dev/null && mount --bind /dev/null {root}/dev/null",
            f"touch {root}/dev/urandom && mount --bind /dev/urandom {root}/dev/urandom",
            f"mount -t tmpfs -o mode=755 tmpfs {root}/run",
        ]
        for place, folder in self.mounts.items():
            steps += [f"mkdir -p {root}{place}", f"mount --bind {folder} {root}{place}"]
            if place not in self.writable:
                steps.append(f"mount -o remount,bind,ro {root}{place}")
        user = self.configuration["User"]
        enter = f'exec setpriv --no-new-privs chroot --userspec={user} {root} "$@"'
        script = f"set -e; {'; '.join(steps)}; {enter}"
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--ipc", "--uts"]
        return [*namespaces, "/bin/sh", "-c", script, "enter", *command]


class Process(AbstractContextManager["Process"]):
    """The first process of a container."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        self._resources = ExitStack()
        output = self._resources.enter_context(log.open("wb"))
        self._outer = subprocess.Popen(command, env=dict(environment), stdout=output, stderr=output)

    @property
    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text(errors="replace")

    @property
    def inner(self) -> psutil.Process:
        """The process as this machine sees it; it has id 1 inside."""
        (child,) = psutil.Process(self._outer.pid).children()
        return child

    def status(self) -> dict[str, str]:
        """What the kernel says of it (`/proc/<pid>/status`)."""
        lines = Path(f"/proc/{self.inner.pid}/status").read_text().splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    def terminate(self, within_s: float = 120.0) -> int:
        """SIGTERM, and its exit code."""
        self.inner.terminate()
        return self._outer.wait(within_s)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outer.poll() is None:  # what changed its user is not tied to its parent any more
            for each in psutil.Process(self._outer.pid).children():
                each.kill()
            self._outer.kill()
        self._outer.wait()
        self._resources.close()
