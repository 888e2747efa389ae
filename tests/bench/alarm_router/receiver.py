"""A receiver of webhooks that does as little as it can: takes the body, notes id and time, answers 204.

It prints its port, and a line of JSON, `[[id, monotonic ns], …]`, when its standard input ends.
"""

import asyncio
import json
import sys
import time

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
taken = []


class Webhooks(asyncio.Protocol):
    def connection_made(self, transport):
        self._transport = transport
        self._data = bytearray()

    def data_received(self, data):
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            fields = dict(line.lower().split(b": ", 1) for line in bytes(self._data[:end]).split(b"\r\n")[1:])
            size = end + 4 + int(fields[b"content-length"])
            if len(self._data) < size:
                return
            del self._data[:size]
            taken.append((fields[b"webhook-id"].decode().upper(), time.monotonic_ns()))
            self._transport.write(ANSWER)


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Webhooks, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps(taken), flush=True)


uvloop.run(main())
