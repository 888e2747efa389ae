"""A stand-in for the `nats` command line (natscli) where it is not installed: what `examples/shell` calls, and no more.

It takes the options natscli takes, in its spelling, and prints what natscli prints of the answer. Where NATS is says
`NATS_URL`, as there.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path

import nats

NO_RESPONDERS = "nats: error: nats: no responders available for request"


def parser() -> argparse.ArgumentParser:
    """What of natscli is understood."""
    root = argparse.ArgumentParser(prog="nats", allow_abbrev=False)
    commands = root.add_subparsers(dest="command", required=True)
    request = commands.add_parser("request", aliases=["req"], allow_abbrev=False)
    request.add_argument("--raw", action="store_true", required=True)
    request.add_argument("--timeout", required=True)
    request.add_argument("subject")
    request.add_argument("body")
    subscribe = commands.add_parser("subscribe", aliases=["sub"], allow_abbrev=False)
    subscribe.add_argument("--count", type=int, required=True)
    subscribe.add_argument("subject")
    getting = commands.add_parser("object").add_subparsers(dest="action", required=True).add_parser("get")
    getting.add_argument("--force", action="store_true", required=True)
    getting.add_argument("--output", type=Path, required=True)
    getting.add_argument("bucket")
    getting.add_argument("object")
    return root


async def work(asked: argparse.Namespace) -> int:
    """Do what is asked; the exit code."""
    client = await nats.connect(os.environ["NATS_URL"])
    try:
        if asked.command in {"request", "req"}:
            seconds = float(asked.timeout.removesuffix("s"))
            reply = await client.request(asked.subject, asked.body.encode(), timeout=seconds)
            print(reply.data.decode())
        elif asked.command == "object":
            store = await client.jetstream().object_store(asked.bucket)
            asked.output.write_bytes((await store.get(asked.object)).data or b"")
        else:
            heard = await client.subscribe(asked.subject)
            for number in range(asked.count):
                message = await heard.next_msg(timeout=None)
                print(f'[#{number + 1}] Received on "{message.subject}"', flush=True)
    except nats.errors.NoRespondersError:
        print(NO_RESPONDERS, file=sys.stderr)
        return 1
    finally:
        await client.close()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(work(parser().parse_args())))
