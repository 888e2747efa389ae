"""The commands of recorder: what is here, and what is to be recorded."""

import asyncio
from concurrent.futures import Executor
from datetime import datetime
from pathlib import Path

from cambus.bus.calls import CallContext
from cambus.bus.endpoints import Endpoints
from cambus.recorder.finding import found_here
from cambus.recorder.index import Index
from cambus.recorder.layout import to_us
from cambus.recorder.policies import PolicyBook
from cambus.schemas import keys
from cambus.schemas.commands import recorder as commands
from cambus.schemas.errors import BadRequest, NotFound
from cambus.schemas.model import Done, Empty


class RecorderCommands:
    """Answers `svc.recorder.…`.

    Args:
        replica: this replica's name.
        root: the folder of the recordings.
        index: what is recorded.
        threads: where the index is read.
        policies: the policies of the bus.
    """

    def __init__(
        self,
        replica: str,
        root: Path,
        index: Index,
        threads: Executor,
        policies: PolicyBook,
    ) -> None:
        self._replica = replica
        self._root = root
        self._index = index
        self._threads = threads
        self._policies = policies

    def register(self, endpoints: Endpoints) -> None:
        """Answer the commands."""
        endpoints.add(commands.RECORDING_FIND, self.find)
        endpoints.add(commands.POLICY_SET, self.set_policy)
        endpoints.add(commands.POLICY_LIST, self.list_policies)
        endpoints.add(commands.POLICY_DELETE, self.delete_policy)

    async def find(self, _: CallContext, request: commands.RecordedFindRequest) -> commands.RecordedFindReply:
        """What this replica holds between two instants, and what it should hold and does not.

        Raises:
            BadRequest: The time ends before it begins.
        """
        start_us, end_us = span_of(request.start, request.end)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, found_here, self._root, self._index, self._replica, request, start_us, end_us
        )

    async def set_policy(self, _: CallContext, request: commands.PolicySetRequest) -> Done:
        """Write a policy.

        Raises:
            BadRequest: It lacks what its mode needs.
        """
        policy = request.policy
        if policy.mode == "schedule" and policy.schedule is None:
            raise BadRequest("policy.schedule: the mode schedule needs one")
        if policy.mode == "pictures" and policy.pictures is None:
            raise BadRequest("policy.pictures: the mode pictures needs them")
        await self._policies.stored.put(keys.recording_policy(policy.id), policy)
        return Done()

    async def list_policies(self, _: CallContext, __: Empty) -> commands.PolicyListReply:
        """Every policy, by id."""
        entries = await self._policies.stored.items(f"{keys.RECORDING_POLICIES}>")
        return commands.PolicyListReply(policies=[entries[key].value for key in sorted(entries)])

    async def delete_policy(self, _: CallContext, request: commands.PolicyDeleteRequest) -> Done:
        """Forget a policy.

        Raises:
            NotFound: There is none of that name.
        """
        key = keys.recording_policy(request.id)
        if await self._policies.stored.get(key) is None:
            raise NotFound(f"there is no policy {request.id}")
        await self._policies.stored.delete(key)
        return Done()


def span_of(start: datetime, end: datetime) -> tuple[int, int]:
    """Two instants in microseconds. Raises BadRequest: the end is not behind the start."""
    start_us, end_us = to_us(start), to_us(end)
    if end_us <= start_us:
        raise BadRequest("end: wanted an instant after start")
    return start_us, end_us
