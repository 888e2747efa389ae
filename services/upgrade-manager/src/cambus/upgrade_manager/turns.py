"""Whose turn it is: limits on how many devices are under way, in all and by what they share; pure."""

from collections import Counter
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase

from cambus.schemas.state.rollout import RolloutRules, TagLimit

TagsOf = Callable[[str], Iterable[str]]


class Room:
    """How much room there is for further devices.

    Args:
        rules: the limits.
        under_way: the devices that are under way.
        tags_of: the tags of a device.
    """

    def __init__(self, rules: RolloutRules, under_way: Iterable[str], tags_of: TagsOf) -> None:
        self._limits = rules.limits
        self._tags_of = tags_of
        self._left = rules.at_a_time
        self._shared: Counter[tuple[str, str]] = Counter()
        for device in under_way:
            self._take(device)

    @property
    def is_full(self) -> bool:
        """Whether no device at all has room."""
        return self._left <= 0

    def take(self, device: str) -> bool:
        """Take the room a device needs; False if there is none."""
        full = any(self._shared[group] >= limit.concurrency for group, limit in self._groups(device))
        if self.is_full or full:
            return False
        self._take(device)
        return True

    def _take(self, device: str) -> None:
        self._left -= 1
        self._shared.update(group for group, _ in self._groups(device))

    def _groups(self, device: str) -> list[tuple[tuple[str, str], TagLimit]]:
        if not self._limits:
            return []
        tags = set(self._tags_of(device))
        return [
            ((limit.tag, tag), limit) for limit in self._limits for tag in tags if fnmatchcase(tag, limit.tag)
        ]
