"""The digest of a file that is still being written: computed beside the writing, while what is written is in memory."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

CHUNK_BYTES = 4 << 20


class GrowingDigest:
    """The SHA-256 digest of a file that is written from its beginning to its end, by a thread that follows.

    The file has its full size from the start. `advance` says how much of it is final. Used as a context manager, which
    ends the thread.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changed = threading.Condition()
        self._final = 0  # bytes that will not change any more
        self._closed = False
        self._error: BaseException | None = None
        self._hash = hashlib.sha256()
        self._thread = threading.Thread(target=self._follow, name=f"digest of {path.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> GrowingDigest:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def advance(self, final: int) -> None:
        """Say that the first `final` bytes of the file are written for good."""
        with self._changed:
            self._final = max(self._final, final)
            self._changed.notify()

    def finish(self) -> str:
        """Wait until the whole file, which is final now, is read, and return its digest in hex."""
        self.advance(self._path.stat().st_size)
        self._close(drop=False)
        if self._error is not None:
            raise self._error
        return self._hash.hexdigest()

    def _close(self, drop: bool = True) -> None:
        with self._changed:
            self._closed = True
            if drop:
                self._final = 0
            self._changed.notify()
        self._thread.join()

    def _follow(self) -> None:
        try:
            buffer, done = memoryview(bytearray(CHUNK_BYTES)), 0
            with open(self._path, "rb", buffering=0) as file:
                while (count := min(self._wait(done) - done, CHUNK_BYTES)) > 0:
                    read = file.readinto(buffer[:count])
                    if not read:
                        raise OSError(f"{self._path} became shorter while its digest was computed")
                    self._hash.update(buffer[:read])
                    done += read
        except BaseException as error:  # told by `finish`, in the caller's thread
            self._error = error

    def _wait(self, done: int) -> int:
        """Return how many bytes are final: more than `done`, unless there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: self._final > done or self._closed)
            return self._final
