"""The queue on disk."""

import asyncio
import contextlib
import sqlite3
from dataclasses import replace

import pytest

from cambus.bus.outbox import HeldBack, Letter, Outbox, OutboxFailed, OutboxFull


def letter(number, body=b"body"):
    return Letter(f"id-{number}", f"subject.{number}", {"Nats-Msg-Id": f"id-{number}"}, body)


async def test_letters_come_back_in_order_after_a_restart(tmp_path):
    path = tmp_path / "folder" / "outbox.db"
    async with Outbox(path) as outbox:
        await asyncio.gather(*(outbox.put(letter(n)) for n in range(50)))
    async with Outbox(path) as outbox:
        assert outbox.rows == 50
        assert outbox.bytes == 200
        letters = await outbox.read(0, 100)
        assert [item.id for item in letters] == [f"id-{n}" for n in range(50)]
        assert letters[0].headers == {"Nats-Msg-Id": "id-0"}
        assert [item.id for item in await outbox.read(letters[9].seq, 3)] == ["id-10", "id-11", "id-12"]


async def test_discarded_letters_are_gone(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        for number in range(3):
            await outbox.put(letter(number))
        letters = await outbox.read(0, 2)
        outbox.discard(letters)
        assert [item.id for item in await outbox.read(0, 10)] == ["id-2"]
        assert not outbox.empty.is_set()
        outbox.discard(await outbox.read(0, 10))
        await outbox.empty.wait()
        assert (outbox.rows, outbox.bytes) == (0, 0)
    async with Outbox(tmp_path / "o.db") as outbox:
        assert outbox.rows == 0


async def test_a_letter_discarded_twice_is_counted_once(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        for number in range(2):
            await outbox.put(letter(number))
        (first, _) = await outbox.read(0, 2)
        outbox.discard([first])
        outbox.discard([first])
        await outbox.read(0, 1)
        assert outbox.rows == 1


async def test_the_same_id_is_one_letter(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        first = await outbox.put(letter(1))
        assert await outbox.put(letter(1)) == first
        assert outbox.rows == 1


async def test_beyond_its_rows_it_is_full(tmp_path):
    async with Outbox(tmp_path / "o.db", max_rows=2) as outbox:
        outcomes = await asyncio.gather(*(outbox.put(letter(n)) for n in range(4)), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [int, int, OutboxFull, OutboxFull]
        outbox.discard(await outbox.read(0, 1))
        await outbox.read(0, 1)
        await outbox.put(letter(9))


async def test_beyond_its_bytes_it_is_full(tmp_path):
    async with Outbox(tmp_path / "o.db", max_bytes=10) as outbox:
        await outbox.put(letter(1, b"123456"))
        with pytest.raises(OutboxFull):
            await outbox.put(letter(2, b"123456"))
        await outbox.put(letter(3, b"1234"))


async def test_a_put_nobody_waits_for_any_more_is_kept_and_announced(tmp_path):
    stored = []
    async with Outbox(tmp_path / "o.db") as outbox:
        outbox.on_stored = stored.append
        putting = asyncio.ensure_future(outbox.put(letter(1)))
        await asyncio.sleep(0)
        putting.cancel()
        letters = await outbox.read(0, 10)
        assert [item.id for item in letters] == ["id-1"]
        assert [item.seq for item in stored] == [letters[0].seq]
        assert outbox.rows == 1


async def test_many_at_once_share_their_transactions(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        commits = 0

        def count(statement):
            nonlocal commits
            commits += statement == "COMMIT"

        outbox._submit(lambda db: db.set_trace_callback(count), lambda result, error: None)
        await outbox.read(0, 1)
        await asyncio.gather(*(outbox.put(letter(n)) for n in range(500)))
        assert commits < 50


async def test_a_second_process_cannot_use_the_file(tmp_path):
    async with Outbox(tmp_path / "o.db"):
        with pytest.raises(OutboxFailed, match="locked"):
            await Outbox(tmp_path / "o.db").open()


async def test_writes_are_synced(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        modes = []
        outbox._submit(
            lambda db: [
                db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")
            ],
            lambda result, error: modes.append(result),
        )
        await outbox.read(0, 1)
        assert modes == [[2, "wal"]]  # 2 is FULL


async def test_a_damaged_file_is_set_aside(tmp_path):
    path = tmp_path / "o.db"
    path.write_bytes(b"this is no database" * 100)
    async with Outbox(path) as outbox:
        await outbox.put(letter(1))
    assert len(list(tmp_path.glob("o.db.damaged-*"))) == 1


async def test_a_disk_that_fails_is_an_error_to_every_waiting_put(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:

        def fail(db):
            raise sqlite3.OperationalError("disk I/O error")

        outbox._submit(fail, lambda result, error: None)
        with pytest.raises(OutboxFailed):
            await outbox.put(letter(1))
        assert outbox.rows == 0
        await outbox.put(letter(1))


async def test_a_full_disk_is_a_full_outbox(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        outbox._submit(
            lambda db: db.execute("PRAGMA max_page_count = 20").fetchall(), lambda result, error: None
        )
        with pytest.raises(OutboxFull):
            await outbox.put(letter(1, b"x" * 200_000))
        await outbox.put(letter(2))


async def test_a_closed_outbox_refuses(tmp_path):
    outbox = Outbox(tmp_path / "o.db")
    with pytest.raises(OutboxFailed):
        await outbox.put(letter(1))


async def test_what_is_held_back_is_known_after_a_restart(tmp_path):
    async with Outbox(tmp_path / "o.db") as outbox:
        for number, since in enumerate((0, 40, 41, 0)):
            await outbox.put(replace(letter(number), subject="gate", held_back=since))
        free = await outbox.put(letter(9))
        last = await outbox.put(replace(letter(10), subject="yard", held_back=7))
        assert (outbox.found, outbox.found_held_back) == (0, {})
    async with Outbox(tmp_path / "o.db") as outbox:
        assert (outbox.found, outbox.found_free) == (last, free)
        assert outbox.found_held_back == {"gate": HeldBack(2, 40), "yard": HeldBack(1, 7)}
        assert [each.held_back for each in await outbox.read(0, 10)] == [0, 40, 41, 0, 0, 7]


async def test_an_outbox_of_before_there_was_holding_back_is_read(tmp_path):
    path = tmp_path / "o.db"
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
            "subject TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL)"
        )
        db.execute("INSERT INTO outbox (id, subject, headers, body) VALUES ('a', 's', '{}', x'01')")
    async with Outbox(path) as outbox:
        await outbox.put(letter(2))
        assert [(each.id, each.held_back) for each in await outbox.read(0, 10)] == [("a", 0), ("id-2", 0)]
        assert outbox.found == 1
