"""Fetch one file over HTTP: resumable, verified, and named so that only a whole, right file has its name.

While it comes it is `<name>.part` beside `<name>.part.json`, which says which version of the file on
the server the part belongs to. A file of the wrong size or digest becomes `<name>.rejected`.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, read_json, write_json
from workflow_scripts.support.progress import make_bar

if TYPE_CHECKING:
    from requests import Response, Session

CHUNK = 1 << 20  # bytes per read
TIMEOUT = (15.0, 60.0)  # seconds to connect, and between two bytes
RETRIES = 4  # per request, for connection errors and busy servers; and in a row without a new byte
BUSY = (429, 500, 502, 503, 504)
LONGEST_WAIT = 600  # seconds: how far a server's Retry-After is honoured


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file on the web. `size` (bytes) and the digests are None where nobody publishes them."""

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    md5: str | None = None
    sha256: str | None = None

    @property
    def digests(self) -> dict[str, str]:
        """The published digests, by algorithm."""
        return {name: value for name in ("md5", "sha256") if (value := getattr(self, name))}


class _NoAnswerError(UserError):
    """This address does not give the file; another one might."""


class _BrokenOffError(Exception):
    """The connection ended before the file did; what has arrived stays."""


def find_fault(path: Path, expected: RemoteFile) -> str:
    """Say in what the file at `path` differs from the published one: "" where in nothing."""
    size = path.stat().st_size
    if expected.size is not None and size != expected.size:
        return f"it has {size} bytes instead of {expected.size}"
    for algorithm, digest in expected.digests.items():
        if (actual := hash_file(path, algorithm)) != digest:
            return f"its {algorithm} is {actual} instead of {digest}"
    return ""


def reject(path: Path) -> Path:
    """Set a wrong file aside, so that the next attempt starts anew, and return where it is now."""
    rejected = path.with_name(f"{path.name.removesuffix('.part')}.rejected")
    os.replace(path, rejected)
    return rejected


def fetch(wanted: RemoteFile, folder: Path, advice: str, pause: float = 1.0) -> Path:
    """Return the path of `wanted` in `folder`, downloading what is missing of it.

    A file that stands there under its name already is verified and used. `advice` ends the messages
    about unreachable hosts: what to do instead. `pause` is the first wait between attempts, in
    seconds. Raises `UserError` where no address gives the file, or gives a wrong one.
    """
    path = folder / wanted.name
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        part = _download_from_any(wanted, folder, advice, pause)
        _accept(part, wanted)
        os.replace(part, path)
        _sidecar(part).unlink(missing_ok=True)
    else:
        _accept(path, wanted)
    return path


def _accept(path: Path, wanted: RemoteFile) -> None:
    print(f"verifying {path}", file=sys.stderr)
    if fault := find_fault(path, wanted):
        rejected = reject(path)
        raise UserError(
            f"{wanted.name} is not the published file: {fault}; it was set aside as {rejected}: "
            f"run the same command again to download it anew from {wanted.urls[0]}"
        )


def _sidecar(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _download_from_any(wanted: RemoteFile, folder: Path, advice: str, pause: float) -> Path:
    part = folder / f"{wanted.name}.part"
    failures = []
    with _open_session(pause) as session:
        for url in _partly_fetched_first(wanted.urls, part):
            try:
                _download(session, url, part, wanted, pause)
                return part
            except _NoAnswerError as failure:
                failures.append(str(failure))
    kept = f" ({_size(part)} bytes are kept)" if part.exists() else ""
    raise UserError(f"{'; '.join(failures)}{kept}; try again later, or {advice}")


def _partly_fetched_first(urls: tuple[str, ...], part: Path) -> list[str]:
    return sorted(urls, key=lambda url: url != _read_state(part).get("url"))


def _read_state(part: Path) -> dict[str, Any]:
    """Return where a part comes from: {} where there is none or nobody knows."""
    return read_json(_sidecar(part)) if part.exists() and _sidecar(part).exists() else {}


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _open_session(pause: float) -> Session:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util.retry import Retry

    retry = Retry(
        total=RETRIES,
        connect=2,
        backoff_factor=pause,
        status_forcelist=BUSY,
        raise_on_status=False,
        retry_after_max=LONGEST_WAIT,
    )
    session = requests.Session()
    session.mount("http://", HTTPAdapter(max_retries=retry))
    session.mount("https://", HTTPAdapter(max_retries=retry))
    return session


def _download(session: Session, url: str, part: Path, wanted: RemoteFile, pause: float) -> None:
    """Bring `part` to its full length, going on where a broken connection left it."""
    failures, best = 0, 0
    while True:
        try:
            return _transfer(session, url, part, wanted)
        except _BrokenOffError as broken:
            # Only a longer part is progress: a server may begin anew each time and never get further.
            size = _size(part)
            failures, best = (0, size) if size > best else (failures + 1, best)
            if failures >= RETRIES:
                raise _NoAnswerError(f"{url} broke off again and again ({broken})") from None
            time.sleep(min(pause * 2**failures, LONGEST_WAIT))


def _transfer(session: Session, url: str, part: Path, wanted: RemoteFile) -> None:
    """Send one request and append what it brings. Raises `_BrokenOffError` for less than promised."""
    state = _read_state(part)
    done = part.stat().st_size if state.get("url") == url else 0
    if done and done == state["total"]:
        return
    with _request(session, url, done, state) as response:
        _check_answer(response, url)
        if response.status_code == 200:
            done = 0
            state = {"url": url, "total": _length(response.headers), "validator": _validator(response.headers)}
            _check_total(url, state["total"], wanted)
            _check_room(part, state["total"])
            part.unlink(missing_ok=True)  # only now: an answer of another kind must not cost the part
            write_json(_sidecar(part), state)
        elif response.status_code == 416 or not _continues(response, done, state):
            write_json(_sidecar(part), {**state, "validator": ""})  # the next request asks for all of it
            raise _BrokenOffError("it changed on the server")
        _append(response, part, state["total"], done)


def _request(session: Session, url: str, done: int, state: Mapping[str, Any]) -> Response:
    from requests.exceptions import RequestException

    headers = {"Accept-Encoding": "identity"}  # so that lengths and ranges count the file's own bytes
    if done and state["validator"]:
        headers |= {"Range": f"bytes={done}-", "If-Range": state["validator"]}
    try:
        return session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
    except (RequestException, OSError) as error:
        raise _NoAnswerError(f"cannot reach {url} ({_cause(error)})") from None


def _cause(error: BaseException) -> str:
    """Return the innermost reason of a network error, without the object addresses around it."""
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else error
    return re.sub(r"^.*object at 0x\w+>,?:? ?|^.*\): ", "", str(reason)) or type(error).__name__


def _check_answer(response: Response, url: str) -> None:
    if response.status_code not in ((200, 206, 416) if "Range" in response.request.headers else (200,)):
        raise _NoAnswerError(f"{url} answered {response.status_code} {response.reason}")
    if url.startswith("https:") and not response.url.startswith("https:"):
        raise _NoAnswerError(f"{url} leads to the unprotected address {response.url}")
    if response.status_code == 200 and response.headers.get("Content-Type", "").startswith("text/html"):
        raise _NoAnswerError(f"{url} answered with a web page instead of the file")


def _continues(response: Response, done: int, state: Mapping[str, Any]) -> bool:
    """Whether a partial answer is the rest of the file that the part began with."""
    span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if span is None or int(span[1]) != done or span[2] not in ("*", str(state["total"])):
        return False
    kind = "ETag" if state["validator"].startswith('"') else "Last-Modified"
    return response.headers.get(kind, state["validator"]) == state["validator"]


def _length(headers: Mapping[str, str]) -> int | None:
    length = headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _validator(headers: Mapping[str, str]) -> str:
    """Return what names this version of the file byte for byte: a strong ETag, else the date, else ""."""
    etag = headers.get("ETag", "")
    return etag if etag.startswith('"') else headers.get("Last-Modified", "")


def _check_total(url: str, total: int | None, wanted: RemoteFile) -> None:
    if total is not None and wanted.size is not None and total != wanted.size:
        raise _NoAnswerError(f"{url} offers {total} bytes instead of the published {wanted.size}")


def _check_room(part: Path, total: int | None) -> None:
    free = shutil.disk_usage(part.parent).free + (part.stat().st_size if part.exists() else 0)
    if total is not None and total > free:
        raise UserError(f"{part.stem} has {total} bytes and {part.parent} room for {free}; make room and run again")


def _append(response: Response, part: Path, total: int | None, done: int) -> None:
    with make_bar(part.stem, total, "B", done, unit_scale=True) as bar, open(part, "ab") as file:
        for content in _stream(response):
            file.write(content)
            bar.update(len(content))
    size = part.stat().st_size
    if total is not None and size != total:
        raise _BrokenOffError(f"{size} of {total} bytes")


def _stream(response: Response) -> Iterator[bytes]:
    """Yield the body as it is on the wire: a .gz must not be unpacked on the way."""
    from urllib3.exceptions import HTTPError

    try:
        yield from response.raw.stream(CHUNK, decode_content=False)
    except (HTTPError, OSError) as error:
        raise _BrokenOffError(_cause(error)) from None
