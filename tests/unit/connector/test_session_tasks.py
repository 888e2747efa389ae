"""What goes on in a session ends with it, however early that is."""

import asyncio

import pytest

from cambus.connector.session_tasks import SessionTasks


class Held:
    """Something that is held for as long as a task runs."""

    def __init__(self):
        self.let_go = False
        self.ended = 0

    async def run(self):
        try:
            await asyncio.Event().wait()
        finally:
            self.let_go = True

    def on_end(self):
        self.ended += 1


@pytest.mark.parametrize("how", ["stopped", "closed"])
async def test_what_ends_before_its_first_step_lets_go_of_what_it_holds(how):
    tasks, held = SessionTasks(), Held()
    tasks.start("playback", "pb-1", held.run(), held.on_end)
    await (tasks.stop("pb-1") if how == "stopped" else tasks.close())
    await tasks.stop("pb-1")  # one that is over is no error
    assert (held.let_go, held.ended) == (True, 1)


async def test_one_is_stopped_and_the_others_go_on():
    tasks, first, second = SessionTasks(), Held(), Held()
    for number, held in enumerate((first, second)):
        tasks.start("download", f"dl-{number}", held.run(), held.on_end)
    await tasks.stop("dl-0")
    assert (first.let_go, second.let_go) == (True, False)
    await tasks.close()
    assert second.let_go
