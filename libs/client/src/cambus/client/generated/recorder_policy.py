"""Commands to recorder about policy. Generated from the catalog by `make schemas`; not edited by hand."""

from cambus.client.namespace import Commands
from cambus.schemas.commands import recorder as recorder_commands
from cambus.schemas.model import Done
from cambus.schemas.state.recording_policy import RecordingPolicy


class RecorderPolicyCommands(Commands):
    """Commands to recorder about policy."""

    async def delete(self, *, id: str, within_s: float | None = None) -> Done:
        """Forget a recording policy.

        The command `recorder.policy.delete`.

        Args:
            id: The policy.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recorder_commands.POLICY_DELETE, within_s, id=id)

    async def list_(self, *, within_s: float | None = None) -> recorder_commands.PolicyListReply:
        """List the recording policies.

        The command `recorder.policy.list`.

        Args:
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recorder_commands.POLICY_LIST, within_s)

    async def set(self, *, policy: RecordingPolicy, within_s: float | None = None) -> Done:
        """Write a recording policy.

        The command `recorder.policy.set`.

        Args:
            policy: The policy; replaces the one of the same id.
            within_s: How long to wait, in seconds; None: as the catalog says.
        """
        return await self._call(recorder_commands.POLICY_SET, within_s, policy=policy)
