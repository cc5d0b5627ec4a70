"""A web server on the loopback interface that drops, refuses and lies as it is told."""

from __future__ import annotations

import dataclasses
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclasses.dataclass
class Page:
    """What the server does with one path; `script` holds one entry per request, then it behaves."""

    content: bytes
    etag: str = '"v1"'
    ranges: bool = True
    if_range: bool = True
    longest: int = 1 << 30  # bytes of a partial answer
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    script: list[int | tuple[int, dict[str, str]]] = dataclasses.field(default_factory=list)
    pause: float = 0.0


class Handler(BaseHTTPRequestHandler):
    """An entry of a script is a status with headers, or the number of bytes after which to hang up."""

    server: Server

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))
        page = self.server.pages.get(self.path)
        step = page.script.pop(0) if page and page.script else None
        if page is None or isinstance(step, tuple):
            status, headers = step or (404, {})
            return self.answer(status, {"Content-Length": "0", **headers})
        start, total = self.start(page), len(page.content)
        end = min(total, start + page.longest) if start else total
        headers = {"Content-Length": str(end - start), **({"ETag": page.etag} if page.etag else {})}
        if start:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
        self.answer(206 if start else 200, {**headers, **page.headers})
        end = end if step is None else min(end, start + step)
        size = 10_000 if page.pause else total
        for position in range(start, end, size):
            self.wfile.write(page.content[position : min(position + size, end)])
            time.sleep(page.pause)

    def start(self, page: Page) -> int:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = not page.if_range or self.headers.get("If-Range") == page.etag
        return int(asked[1]) if asked and page.ranges and same and int(asked[1]) < len(page.content) else 0

    def answer(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header in headers.items():
            self.send_header(*header)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        pass  # a killed client


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
