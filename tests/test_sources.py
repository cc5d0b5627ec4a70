"""The table of sources: complete, and its digests those of the real files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from workflow_scripts.data.sources.catalogue import list_sources, load_source
from workflow_scripts.data.sources.fetch import find_fault
from workflow_scripts.support.errors import UserError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("name", list_sources())
def test_table_of_sources_is_complete(name: str) -> None:
    source = load_source(name)
    assert source.description
    assert source.licence
    assert source.inputs > 0
    assert bool(source.archive or source.files) + bool(source.package) + bool(source.access) == 1
    for file in filter(None, (source.archive, *source.files)):
        assert all(url.endswith(f"/{file.name}") for url in file.urls)
        assert file.urls[0].startswith("https://")
        # An unprotected address is a second one, of a file whose digest is known.
        assert all(url.startswith("https://") or (url.startswith("http://") and file.digests) for url in file.urls)


def test_bad_table_of_sources_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no source 'b' in .*; it has none"):
        load_source("b", tmp_path)
    for text, said in (("{x: 1}", "no proper entry"), ("[", "not plain YAML"), ("", "no proper entry")):
        (tmp_path / "b.yaml").write_text(text)
        with pytest.raises(UserError, match=said):
            load_source("b", tmp_path)


def test_published_digests_are_those_of_adult(shared_data: Path) -> None:
    for file in load_source("adult").files:
        assert find_fault(shared_data / "adult" / file.name, file) == ""


def test_published_digests_are_those_of_the_real_split_files(shared_data: Path) -> None:
    files = {file.name: file for file in load_source("3diebench").files}
    for name in ("train_labels.npy", "val_images.npy", "val_labels.npy"):
        assert files[name].sha256
        assert find_fault(shared_data / "3diebench-meta" / name, files[name]) == ""
        np.load(shared_data / "3diebench-meta" / name, allow_pickle=False)
