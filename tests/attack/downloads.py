"""Downloads from a web server that drops, lies, refuses and trickles: the right bytes, or one sentence and no file."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.attack.tiny import Trial
from tests.support.misbehaving_server import Page, Server
from workflow_scripts.data.sources.fetch import RemoteFile, fetch
from workflow_scripts.support.errors import UserError

CONTENT = random.Random(1).randbytes(300_000)
BUSY = (503, {"Retry-After": "1"})
PAGES = {  # what the server does, and whether the file must arrive
    "drops mid-file, three times": (Page(CONTENT, script=[100_000, 50_000, 1]), True),
    "drops mid-file, always at the same place": (Page(CONTENT, ranges=False, script=[90_000] * 50), False),
    "offers another length": (Page(CONTENT + b"x"), False),
    "sends wrong bytes of the right length": (Page(bytes(len(CONTENT))), False),
    "answers 404": (Page(CONTENT, script=[(404, {})] * 50), False),
    "answers 503 with Retry-After, then the file": (Page(CONTENT, script=[BUSY]), True),
    "answers 503 for ever": (Page(CONTENT, script=[BUSY] * 50), False),
    "redirects": (Page(CONTENT, script=[(302, {"Location": "/moved"})]), True),
    "redirects in a circle": (Page(CONTENT, script=[(301, {"Location": "/file.bin"})] * 50), False),
    "trickles": (Page(CONTENT, pause=0.05), True),
    "drops, and knows no ranges": (Page(CONTENT, script=[100_000], ranges=False), True),
    "sends a web page": (Page(CONTENT, headers={"Content-Type": "text/html"}), False),
}


def download(name: str, page: Page, arrives: bool, folder: Path, server: Server) -> Trial:
    """Download one file of 300 kB whose digest is known, with pauses between attempts cut to nothing."""
    server.pages = {"/file.bin": page, "/moved": Page(CONTENT)}
    digest = hashlib.sha256(CONTENT).hexdigest()
    wanted = RemoteFile("file.bin", (f"{server.url}/file.bin",), sha256=digest, size=len(CONTENT))
    try:
        path = fetch(wanted, folder, "set the config key sources.x.path", pause=0)
    except UserError as error:
        said = str(error).replace(server.url, "http://server")
        return Trial(f"download: {name}", not arrives and not (folder / "file.bin").exists(), f"error: {said}")
    return Trial(f"download: {name}", arrives and path.read_bytes() == CONTENT, "the whole file")


def download_trials(scratch: Path) -> Iterator[Trial]:
    """Yield one download a misbehaviour."""
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    for number, (name, (page, arrives)) in enumerate(PAGES.items()):
        yield download(name, page, arrives, scratch / f"download{number}", server)
    server.shutdown()
    server.server_close()
