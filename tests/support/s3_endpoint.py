"""An S3 endpoint of our own: checks every signature, keeps objects in memory, and misbehaves when it is told to.

It knows what a copy needs: PUT, GET and HEAD of objects, and uploads in parts (AWS Signature Version 4; the payload's
digest is checked too).
"""

import asyncio
import hashlib
import hmac
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote, unquote

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY_ID, SECRET, REGION, BUCKET = "AKIDTEST", "canary-of-the-storage", "eu-test-1", "recordings"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)"
)


@dataclass
class StoredObject:
    """What was stored under a key."""

    data: bytes
    headers: dict[str, str] = field(default_factory=dict)
    parts: int = 1


class S3Endpoint:
    """One bucket.

    Attributes:
        objects: what is in it, by key.
        faults: what happens to the next writes: a status, `cut`, `slow` (until `release` is set) or `ok`.
        uploads: uploads in parts that were begun and neither completed nor given up.
        refused: requests whose signature was wrong.
        stored: keys in the order their objects became whole.
        writes: writes that were answered well.
        secret: with which requests must be signed.
    """

    def __init__(self) -> None:
        self.objects: dict[str, StoredObject] = {}
        self.uploads: dict[str, tuple[str, dict[str, str], dict[int, bytes]]] = {}
        self.faults: deque[str] = deque()
        self.always: str | None = None
        self.release = asyncio.Event()
        self.stored: list[str] = []
        self.refused = 0
        self.writes = 0
        self.most_at_once = 0
        self._late: set[asyncio.Task[web.Response]] = set()
        self._at_once = 0
        self.secret = SECRET
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self._server = TestServer(app, host="127.0.0.1")

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release.set()
        if self._late:
            await asyncio.wait(self._late)
        await self._server.close()

    @property
    def url(self) -> str:
        """Its address."""
        return str(self._server.make_url("")).rstrip("/")

    @property
    def busy(self) -> bool:
        """Whether a request is being answered; one whose client is gone is not."""
        return self._at_once > 0

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return await self._handle(request)
        finally:
            self._at_once -= 1

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if not self._is_signed(request, body):
            self.refused += 1
            return web.Response(
                status=403, text=f"<Error><Code>SignatureDoesNotMatch {SECRET}</Code></Error>"
            )
        bucket, _, key = unquote(request.path.lstrip("/")).partition("/")
        if bucket != BUCKET:
            return web.Response(status=404)
        if request.method in {"HEAD", "GET"}:
            return self._read(key)
        fault = self.always or (self.faults.popleft() if self.faults else "ok")
        if fault == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if fault == "slow":  # done in the end, even if whoever wanted it is gone
            late = asyncio.create_task(self._write_late(request, key, body))
            self._late.add(late)
            return await asyncio.shield(late)
        if fault != "ok":
            return web.Response(status=int(fault), text=f"<Error>{SECRET}</Error>")
        return self._write(request, key, body)

    async def _write_late(self, request: web.Request, key: str, body: bytes) -> web.Response:
        await self.release.wait()
        return self._write(request, key, body)

    def _read(self, key: str) -> web.Response:
        found = self.objects.get(key)
        if found is None:
            return web.Response(status=404)
        headers = {
            **found.headers,
            "ETag": _etag(found.data),
            "Last-Modified": "Sun, 01 Feb 2026 12:00:00 GMT",
        }
        return web.Response(body=found.data, headers=headers)

    def _write(self, request: web.Request, key: str, body: bytes) -> web.Response:
        self.writes += 1
        kept = {
            name: value
            for name, value in request.headers.items()
            if name.lower().startswith("x-amz-meta-") or name.lower() == "content-type"
        }
        upload = request.query.get("uploadId")
        if request.method == "POST" and "uploads" in request.query:
            name = f"upload-{self.writes}"
            self.uploads[name] = (key, kept, {})
            return _xml(
                f"<InitiateMultipartUploadResult><UploadId>{name}</UploadId></InitiateMultipartUploadResult>"
            )
        if upload is None:
            self._store(key, StoredObject(body, kept))
        elif upload not in self.uploads:
            return web.Response(status=404)
        elif request.method == "PUT":
            self.uploads[upload][2][int(request.query["partNumber"])] = body
        elif request.method == "DELETE":
            del self.uploads[upload]
            return web.Response(status=204)
        else:
            _, headers, parts = self.uploads.pop(upload)
            data = b"".join(parts[number] for number in sorted(parts))
            self._store(key, StoredObject(data, headers, len(parts)))
            return _xml(
                f"<CompleteMultipartUploadResult><ETag>{_etag(data)}</ETag></CompleteMultipartUploadResult>"
            )
        return web.Response(headers={"ETag": _etag(body)})

    def _store(self, key: str, made: StoredObject) -> None:
        self.objects[key] = made
        self.stored.append(key)

    def _is_signed(self, request: web.Request, body: bytes) -> bool:
        match = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if match is None:
            return False
        key_id, day, region, names, signature = match.groups()
        claimed = request.headers.get("x-amz-content-sha256", "")
        if (key_id, region) != (KEY_ID, REGION) or claimed != hashlib.sha256(body).hexdigest():
            return False
        path, _, query = request.raw_path.partition("?")
        pairs = sorted(tuple(part.partition("=")[::2]) for part in query.split("&") if part)
        canonical = "\n".join(
            [
                request.method,
                quote(unquote(path), safe="/~"),
                "&".join(f"{name}={quote(unquote(value), safe='~')}" for name, value in pairs),
                *(f"{name}:{request.headers[name].strip()}" for name in names.split(";")),
                "",
                names,
                claimed,
            ]
        )
        scope = f"{day}/{region}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signed = "\n".join(["AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest])
        secret = f"AWS4{self.secret}".encode()
        for part in (day, region, "s3", "aws4_request"):
            secret = hmac.digest(secret, part.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(secret, signed.encode(), "sha256").hex(), signature)


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")
