"""The least of HTTP/1.1 over a bare socket: cheap enough to flood with, and free to misbehave."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def retry_after_s(self) -> int:
        return int(self.headers["retry-after"])


class RawClient:
    """One connection that is kept open, with one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.writer is not None
        self.writer.close()

    async def get(self, path: str) -> Answer:
        return await self._ask(f"GET {path} HTTP/1.1\r\nHost: [::1]\r\n\r\n".encode())

    async def post(self, path: str, body: bytes, content_type: str) -> Answer:
        head = f"POST {path} HTTP/1.1\r\nHost: [::1]\r\nContent-Type: {content_type}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        return await self._ask(head.encode() + body)

    async def _ask(self, request: bytes) -> Answer:
        assert self.writer is not None
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> Answer:
        """The next answer on this connection. IncompleteReadError if it ends before."""
        assert self._reader is not None
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(head[0].split()[1]), headers, body)
