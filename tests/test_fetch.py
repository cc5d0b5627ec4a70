"""One file over HTTP from servers that misbehave: the right bytes, or one sentence and nothing lost."""

from __future__ import annotations

import dataclasses
import hashlib
import random
import shutil
from pathlib import Path
from typing import Any

import misbehaving_server
import pytest
import requests
from misbehaving_server import Page, Server

from workflow_scripts.data.sources import fetch as module
from workflow_scripts.data.sources.fetch import RemoteFile, fetch
from workflow_scripts.support.errors import UserError

pytestmark = [pytest.mark.faults, pytest.mark.timeout(30)]

CONTENT = random.Random(1).randbytes(300_000)
server = misbehaving_server.server  # the fixture
ADVICE = "set the config key sources.x.path"


def remote(server: Server, page: Page, name: str = "a.bin", **fields: Any) -> RemoteFile:
    server.pages[f"/{name}"] = dataclasses.replace(page, script=list(page.script))
    return RemoteFile(name, (f"{server.url}/{name}",), **fields)


def get(wanted: RemoteFile, folder: Path) -> bytes:
    path = fetch(wanted, folder, ADVICE, pause=0)
    assert path == folder / wanted.name
    assert not list(folder.glob("*.part*"))
    return path.read_bytes()


def failure(wanted: RemoteFile, folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        fetch(wanted, folder, ADVICE, pause=0)
    assert not (folder / wanted.name).exists()
    assert "\n" not in str(caught.value)
    return str(caught.value)


SHA = {"sha256": hashlib.sha256(CONTENT).hexdigest(), "md5": hashlib.md5(CONTENT).hexdigest(), "size": len(CONTENT)}


def test_fetch_brings_the_file_once(server: Server, tmp_path: Path) -> None:
    wanted = remote(server, Page(CONTENT), **SHA)
    assert get(wanted, tmp_path) == CONTENT
    assert get(wanted, tmp_path) == CONTENT
    assert server.requests == [("/a.bin", None)]


@pytest.mark.parametrize(
    ("page", "ranges"),
    [
        (Page(CONTENT, script=[100_000, 50_000, 1]), [None, "bytes=100000-", "bytes=150000-", "bytes=150001-"]),
        (Page(CONTENT, script=[100_000], longest=150_000), [None, "bytes=100000-", "bytes=250000-"]),
        (Page(CONTENT, script=[9], headers={"Content-Range": "bytes 5-299999/300000"}), [None, "bytes=9-", None]),
        (Page(CONTENT, script=[100_000], ranges=False), [None, "bytes=100000-"]),
        (Page(CONTENT, script=[100_000], etag=""), [None, None]),
        (Page(CONTENT, script=[100_000], etag='W/"v1"'), [None, None]),
        (Page(CONTENT, script=[(503, {"Retry-After": "0"}), (500, {})]), [None, None, None]),
        (Page(CONTENT, script=[(302, {"Location": "/a.bin?moved"})]), [None]),
        (Page(CONTENT, headers={"Content-Encoding": "gzip"}), [None]),
    ],
    ids=[
        "drops",
        "short-ranges",
        "wrong-range",
        "no-ranges",
        "no-etag",
        "weak-etag",
        "busy",
        "redirect",
        "content-encoding",
    ],
)
def test_fetch_survives(server: Server, tmp_path: Path, page: Page, ranges: list[str | None]) -> None:
    wanted = remote(server, page, **SHA)
    server.pages["/a.bin?moved"] = Page(CONTENT)
    assert get(wanted, tmp_path) == CONTENT
    assert [asked for path, asked in server.requests if path == "/a.bin"] == ranges


@pytest.mark.parametrize("if_range", [True, False], ids=["honours-if-range", "ignores-if-range"])
def test_fetch_never_splices_two_versions(server: Server, tmp_path: Path, if_range: bool) -> None:
    old = Page(CONTENT, script=[100_000] + [0] * 10)
    failure(remote(server, old), tmp_path)
    assert (tmp_path / "a.bin.part").read_bytes() == CONTENT[:100_000]
    new = bytes(reversed(CONTENT))  # of the same length
    assert get(remote(server, Page(new, etag='"v2"', if_range=if_range)), tmp_path) == new


def test_fetch_begins_anew_after_416(server: Server, tmp_path: Path) -> None:
    failure(remote(server, Page(CONTENT, script=[100_000] + [0] * 10)), tmp_path)
    assert get(remote(server, Page(b"short", script=[(416, {})])), tmp_path) == b"short"


def test_fetch_gives_up_without_progress_and_goes_on_later(server: Server, tmp_path: Path) -> None:
    wanted = remote(server, Page(CONTENT, ranges=False, script=[90_000] * 50), **SHA)
    message = failure(wanted, tmp_path)
    assert len(server.requests) < 10
    assert "90000 of 300000" in message or "90000 bytes are kept" in message
    assert get(remote(server, Page(CONTENT), **SHA), tmp_path) == CONTENT
    assert server.requests[-1] == ("/a.bin", "bytes=90000-")


@pytest.mark.parametrize(
    ("page", "said"),
    [
        (Page(CONTENT, script=[(404, {})]), "answered 404 Not Found"),
        (Page(CONTENT, script=[(503, {"Retry-After": "0"})] * 20), "answered 503"),
        (Page(CONTENT + b"x", if_range=False), "offers 300001 bytes instead of the published 300000"),
        (Page(CONTENT, etag='"v2"', headers={"Content-Type": "text/html"}), "answered with a web page"),
        (Page(CONTENT, script=[(301, {"Location": "/a.bin"})] * 50), "cannot reach"),
    ],
    ids=["missing", "busy", "wrong-length", "web-page", "redirect-loop"],
)
def test_fetch_says_what_the_server_did(server: Server, tmp_path: Path, page: Page, said: str) -> None:
    failure(remote(server, Page(CONTENT, script=[100_000] + [0] * 10), **SHA), tmp_path)
    message = failure(remote(server, page, **SHA), tmp_path)
    assert said in message
    assert f"{server.url}/a.bin" in message
    assert ADVICE in message
    assert (tmp_path / "a.bin.part").stat().st_size == 100_000  # what had arrived costs nobody a second wait


def test_unreachable_host_is_named(server: Server, tmp_path: Path) -> None:
    wanted = remote(server, Page(CONTENT))
    server.server_close()
    message = failure(wanted, tmp_path)
    assert message.startswith(f"cannot reach {server.url}/a.bin (Failed to establish a new connection: ")
    assert message.endswith(ADVICE)


def test_wrong_bytes_are_set_aside(server: Server, tmp_path: Path) -> None:
    wrong = bytes(len(CONTENT))
    message = failure(remote(server, Page(wrong), **SHA), tmp_path)
    assert "its md5 is" in message
    assert (tmp_path / "a.bin.rejected").read_bytes() == wrong
    assert get(remote(server, Page(CONTENT), **SHA), tmp_path) == CONTENT
    (tmp_path / "a.bin").write_bytes(wrong)  # by hand
    assert "set aside" in failure(remote(server, Page(CONTENT), **SHA), tmp_path)


def test_mirror_takes_over(server: Server, tmp_path: Path) -> None:
    wanted = remote(server, Page(CONTENT), **SHA)
    wanted = dataclasses.replace(wanted, urls=(f"{server.url}/gone", *wanted.urls))
    assert get(wanted, tmp_path) == CONTENT


def test_too_little_room_is_said_before_the_download(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 0, 10))
    assert "room for 10" in failure(remote(server, Page(CONTENT)), tmp_path)


def test_downgrade_to_plain_http_is_refused() -> None:
    response = requests.Response()
    response.status_code, response.url = 200, "http://b/"
    response.request = requests.Request("GET", "https://a/").prepare()
    with pytest.raises(UserError, match="unprotected"):
        module._check_answer(response, "https://a/")
