"""A repository on the Hugging Face Hub: what is in it, one commit to it, files from it; what goes wrong in a sentence.

Each file is compared by the digest that the Hub itself lists: SHA-256 of large files, Git's SHA-1 of small ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file

LOGIN = "log in with `.venv/bin/hf auth login`, or set HF_TOKEN"

THREADS = 8  # files that come at a time


@dataclass(frozen=True)
class RemoteEntry:
    """A file of a repository: its size in bytes, and its digest by `algorithm`, "sha256" or Git's "blob"."""

    size: int
    algorithm: str
    digest: str

    def equals(self, path: Path) -> bool:
        """Tell whether a file has this content."""
        size = path.stat().st_size
        if size != self.size:
            return False
        if self.algorithm == "sha256":
            return hash_file(path) == self.digest
        return hashlib.sha1(b"blob %d\0" % size + path.read_bytes()).hexdigest() == self.digest


class Repository:
    """A repository for models. name: owner/name. Errors of the Hub and of the network are `UserError`."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII):
            raise UserError(f"{name!r} is no repository; say HUB=owner/name")
        from huggingface_hub import HfApi

        self.name = name
        self._api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))

    def create(self, public: bool) -> None:
        """Make the repository if there is none; nobody else sees it unless it is `public`."""
        with self._explained():
            self._api.create_repo(self.name, private=not public, exist_ok=True)

    def list_entries(self) -> tuple[str, dict[str, RemoteEntry]]:
        """Return the newest commit, and the files in it by path."""
        from huggingface_hub.hf_api import RepoFile

        with self._explained():
            commit = str(self._api.repo_info(self.name).sha)
            tree = list(self._api.list_repo_tree(self.name, recursive=True, revision=commit))
        files = [entry for entry in tree if isinstance(entry, RepoFile)]
        return commit, {
            file.path: RemoteEntry(file.size, "sha256", file.lfs.sha256)
            if file.lfs
            else RemoteEntry(file.size, "blob", file.blob_id)
            for file in files
        }

    def commit(self, files: dict[str, Path | bytes], message: str, parent: str) -> None:
        """Add files by path, all of them or none, where the newest commit is still `parent`."""
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(path, content) for path, content in files.items()]
        with self._explained(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*about to commit a data file")
            self._api.create_commit(self.name, operations, commit_message=message, parent_commit=parent)

    def fetch(self, paths: Iterable[str], commit: str, folder: Path) -> None:
        """Bring files of a commit below `folder`; what is there from an earlier attempt is not fetched again."""
        with self._explained(), ThreadPoolExecutor(THREADS) as pool:
            fetch = partial(self._api.hf_hub_download, self.name, revision=commit, local_dir=folder)
            list(pool.map(fetch, paths))

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what the Hub, or the way to it, refuses into one sentence."""
        from httpx2 import HTTPError
        from huggingface_hub import errors

        try:
            yield
        except errors.LocalTokenNotFoundError:
            raise UserError(f"the Hub asks who you are; {LOGIN}, then run the same command again") from None
        except errors.RepositoryNotFoundError:
            raise UserError(
                f"there is no repository {self.name} on the Hub that you may read; check HUB; if it is private, {LOGIN}"
            ) from None
        except errors.HfHubHTTPError as error:
            status = error.response.status_code
            if status in (401, 403):
                what = f"the Hub refuses this for {self.name} ({status}); {LOGIN}, with a token that may do it"
            elif status == 412:
                what = f"{self.name} has changed on the Hub meanwhile; run the same command again"
            else:
                what = f"the Hub answered {status} about {self.name}; run the same command again later"
            raise UserError(what) from None
        except (HTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, ConnectionError) as error:
            reason = " ".join(str(error.__cause__ or error).split())
            raise UserError(f"cannot reach the Hub ({reason}); connect, then run the same command again") from None
