"""The services: whether all answer, are ready, and are of one version."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from cambus.cli.doctor.complaints import check_metrics
from cambus.cli.doctor.finding import Finding, note, ok, problem
from cambus.cli.doctor.probes import Probe
from cambus.cli.formatting import plural
from cambus.client.discovery import Instance

CONNECTOR: Final = "connector-"
WITHOUT: Final = {
    "media-relay": "nothing can be watched",
    "recorder": "nothing is recorded",
    "alarm-router": "alarms go nowhere; they wait in the stream of events",
    "upgrade-manager": "firmware cannot be upgraded",
}
"""What does not work while a service is away."""


def check_running(instances: Sequence[Instance], protocols: Iterable[str]) -> list[Finding]:
    """Whether every service runs: those all need, and a connector for each protocol the devices speak."""
    running = {instance.name for instance in instances}
    findings = [
        problem(name, f"does not answer: {meaning}", f"start it (cambus-{name})")
        for name, meaning in WITHOUT.items()
        if name not in running
    ]
    for protocol in sorted(set(protocols)):
        if f"{CONNECTOR}{protocol}" not in running:
            text = f"does not answer: no device that speaks {protocol} is connected"
            findings.append(
                problem(f"{CONNECTOR}{protocol}", text, f"start it (cambus-{CONNECTOR}{protocol})")
            )
    if not findings:
        findings.append(
            ok(
                "services",
                f"{plural(len(instances), 'process', 'processes')} of {plural(len(running), 'service')}",
            )
        )
    return findings


def check_names(instances: Sequence[Instance]) -> list[Finding]:
    """Whether two processes share a name, which makes them one owner of the same leases."""
    counts = Counter((instance.name, instance.id) for instance in instances)
    return [
        problem(name, f"{count} processes are called {replica}", "give each its own CAMBUS_INSTANCE")
        for (name, replica), count in counts.items()
        if count > 1
    ]


def check_versions(instances: Sequence[Instance], ours: str) -> list[Finding]:
    """Whether all run one version of the suite, and this command line too."""
    by_version: dict[str, list[str]] = defaultdict(list)
    for instance in instances:
        if instance.name in WITHOUT or instance.name.startswith(CONNECTOR):
            by_version[instance.version].append(instance.id)
    if len(by_version) > 1:
        which = "; ".join(f"{version}: {', '.join(names)}" for version, names in sorted(by_version.items()))
        return [problem("services", f"several versions run ({which})", "finish the upgrade of the suite")]
    if by_version and ours not in by_version:
        text = f"they run {next(iter(by_version))}, this cambusctl is {ours}"
        return [note("services", text, "use the cambusctl of their version")]
    return [ok("services", f"all run {ours}")] if by_version else []


def check_probes(probes: Iterable[Probe]) -> list[Finding]:
    """Whether each is ready, and what its metrics complain of."""
    findings: list[Finding] = []
    for probe in probes:
        name = probe.instance.id
        if "http" in probe.instance.metadata and not probe.reachable:
            findings.append(
                note(name, f"its HTTP port {probe.instance.metadata['http']} is not reachable from here")
            )
        elif probe.reachable and not probe.ready:
            findings.append(problem(name, f"is not ready: {probe.why_not}", "its log says why"))
        findings += check_metrics(probe)
    return findings
