"""The player page: static files out of the package, with headers that let it do no more than it has to."""

from importlib.resources import files
from pathlib import PurePath
from typing import Final

from aiohttp import web

_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_HEADERS: Final = {
    # Only our own scripts; recordings play from the recorder's address, whatever that is.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; media-src 'self' blob: http: https:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address may hold the token
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(self), geolocation=()",
    "Cache-Control": "no-cache",
}


class Page:
    """Serves `/` and `/player/…`. They hold nothing secret, so they are served to anybody."""

    def __init__(self) -> None:
        folder = files("cambus.media_relay") / "player"
        self._files = {
            each.name: each.read_bytes() for each in folder.iterdir() if _suffix(each.name) in _TYPES
        }

    def routes(self) -> list[web.RouteDef]:
        """What to add to the application."""
        return [web.get("/", self._index), web.get("/player/{name}", self._file)]

    async def _index(self, request: web.Request) -> web.Response:
        del request
        return self._answer("index.html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        return self._answer(name)

    def _answer(self, name: str) -> web.Response:
        return web.Response(
            body=self._files[name], content_type=_TYPES[_suffix(name)], charset="utf-8", headers=_HEADERS
        )


def _suffix(name: str) -> str:
    return PurePath(name).suffix
