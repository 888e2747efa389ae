"""Under which name each device that dials in is known: two records can not share one."""

from collections.abc import Iterable


class Identities:
    """The identities of the records of one protocol."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}
        self._devices: dict[str, set[str]] = {}

    def put(self, device: str, identity: str | None) -> Iterable[str]:
        """A record says, or (None) no longer says, what its device calls itself.

        Returns:
            The other devices for which that may have made a difference.
        """
        before = self._of.get(device)
        if before == identity:
            return ()
        touched: set[str] = set()
        if before is not None:
            del self._of[device]
            others = self._devices[before]
            others.discard(device)
            touched |= others
            if not others:
                del self._devices[before]
        if identity is not None:
            touched |= self._devices.setdefault(identity, set())
            self._of[device] = identity
            self._devices[identity].add(device)
        return touched - {device}

    def device(self, identity: str) -> str | None:
        """Return which device calls itself so; None: none, or nobody can tell which."""
        devices = self._devices.get(identity, set())
        return next(iter(devices)) if len(devices) == 1 else None

    def known(self, identity: str) -> bool:
        """Whether any device calls itself so."""
        return identity in self._devices

    def shared_with(self, device: str) -> list[str]:
        """The other devices that are to call themselves like this one; there should be none."""
        identity = self._of.get(device)
        return sorted(self._devices[identity] - {device}) if identity is not None else []
