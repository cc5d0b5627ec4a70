"""A stand-in for the Hugging Face Hub on the loopback interface: what its own library asks for to commit and to fetch.

Large files come by Git LFS's basic transfer. Paths in `damaged` are served with their first byte changed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

TOKEN = "hf_of_a_test"
LARGE = (".safetensors", ".npy", ".parquet")


class Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: dict[str, bool] = {}
        self.objects: dict[str, bytes] = {}  # by SHA-256
        self.commits: list[str] = []  # their messages
        self.damaged: set[str] = set()
        self.fetched: list[str] = []

    @property
    def head(self) -> str:
        return f"{len(self.commits):040x}"

    def handle_error(self, *_: Any) -> None:
        pass


class HubHandler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if path.startswith("/api/models/"):
            repository, _, what = path.removeprefix("/api/models/").partition("/")
            name, _, what = what.partition("/")
            repository = f"{repository}/{name}"
            if not self.may(repository):
                return self.tell(404, {"error": "no"}, {"X-Error-Code": "RepoNotFound"})
            if what.startswith("tree"):
                files = self.server.repositories[repository].items()
                return self.tell(200, [describe(path, content) for path, content in sorted(files)])
            return self.tell(200, {"id": repository, "sha": self.server.head, "siblings": []})
        return self.send_file(path)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.server.objects[self.path.rpartition("/")[2]] = self.body()
        self.tell(200, {})

    def do_POST(self) -> None:
        path, body = unquote(urlsplit(self.path).path), self.body()
        if path == "/api/validate-yaml":
            return self.tell(200, {"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.tell(401, {"error": "who are you"})
        if path == "/api/repos/create":
            return self.create(json.loads(body))
        if path.endswith("/info/lfs/objects/batch"):
            return self.tell(
                200, {"transfer": "basic", "objects": [self.offer(o) for o in json.loads(body)["objects"]]}
            )
        repository = "/".join(path.removeprefix("/api/models/").split("/")[:2])
        if "/preupload/" in path:
            files = [file["path"] for file in json.loads(body)["files"]]
            modes = [{"path": f, "uploadMode": mode(f), "shouldIgnore": False} for f in files]
            return self.tell(200, {"files": modes})
        return self.commit(repository, [json.loads(line) for line in body.splitlines()])

    def create(self, asked: dict[str, Any]) -> None:
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        known = name in self.server.repositories
        self.server.repositories.setdefault(name, {".gitattributes": b""})
        self.server.private.setdefault(name, asked.get("private") or asked.get("visibility") == "private")
        self.tell(409 if known else 200, {"url": f"{self.server.url}/{name}", "name": name})

    def offer(self, wanted: dict[str, Any]) -> dict[str, Any]:
        upload = {"upload": {"href": f"{self.server.url}/objects/{wanted['oid']}"}}
        return {**wanted, **({} if wanted["oid"] in self.server.objects else {"actions": upload})}

    def commit(self, repository: str, lines: list[dict[str, Any]]) -> None:
        header, *operations = lines
        if header["value"].get("parentCommit", self.server.head) != self.server.head:
            return self.tell(412, {"error": "the head is another"})
        for operation in operations:
            value = operation["value"]
            large = operation["key"] == "lfsFile"
            content = self.server.objects[value["oid"]] if large else base64.b64decode(value["content"])
            self.server.repositories[repository][value["path"]] = content
        self.server.commits.append(header["value"]["summary"])
        self.tell(200, {"commitUrl": f"{self.server.url}/{repository}", "commitOid": self.server.head})

    def send_file(self, path: str) -> None:
        owner, name, _, _, *parts = path.strip("/").split("/")
        repository, file = f"{owner}/{name}", "/".join(parts)
        if not self.may(repository) or file not in self.server.repositories[repository]:
            return self.tell(404, {"error": "no"}, {"X-Error-Code": "EntryNotFound"})
        content = self.server.repositories[repository][file]
        tag = describe(file, content).get("lfs", {}).get("oid") or describe(file, content)["oid"]
        if self.command == "GET":
            self.server.fetched.append(file)
        sent = bytes([content[0] ^ 1]) + content[1:] if file in self.server.damaged else content
        self.answer(200, sent, {"ETag": f'"{tag}"', "X-Repo-Commit": self.server.head})

    def may(self, repository: str) -> bool:
        known = repository in self.server.repositories
        return known and (not self.server.private[repository] or bool(self.headers.get("Authorization")))

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def tell(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(*header)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def mode(path: str) -> str:
    return "lfs" if path.endswith(LARGE) else "regular"


def describe(path: str, content: bytes) -> dict[str, Any]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = {"type": "file", "path": path, "size": len(content), "oid": blob}
    if mode(path) == "lfs":
        pointer = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return {**entry, "lfs": pointer}
    return entry


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The stand-in, to which the library talks, with a token that may write."""
    from huggingface_hub import constants

    server = Hub()
    home = tmp_path_factory.mktemp("hub")
    for name, value in {"NO_PROXY": "127.0.0.1", "HF_ENDPOINT": server.url, "HF_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    # Read from the environment when the library is imported.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
