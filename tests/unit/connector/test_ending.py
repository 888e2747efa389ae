"""Tasks that are told to end, end."""

import asyncio

from cambus.connector.ending import end


async def test_a_task_that_loses_its_cancellation_in_a_group_is_told_again():
    failing = asyncio.Event()

    async def child():
        await failing.wait()
        raise ValueError

    async def stubborn():
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
        except* ValueError:
            pass
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0.1)
    failing.set()
    await asyncio.sleep(0)  # the child fails in the very turn in which the task is cancelled
    await end(task)
    assert task.cancelled()


async def test_what_a_task_fails_with_at_its_end_is_returned():
    async def fails():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("at the end")

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    (failure,) = await end(task)
    assert str(failure) == "at the end"


async def test_tasks_that_are_done_are_left_alone():
    async def quick():
        return 5

    task = asyncio.create_task(quick())
    await task
    assert await end(task) == []
    assert await end() == []
