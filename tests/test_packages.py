"""Sources without an archive: single files, a file that a package carries, and data behind an agreement."""

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import misbehaving_server
import pytest
from misbehaving_server import Page, Server

from workflow_scripts.data.sources import packages
from workflow_scripts.data.sources.catalogue import Source
from workflow_scripts.data.sources.fetch import RemoteFile
from workflow_scripts.data.sources.packages import Package
from workflow_scripts.data.sources.provide import provide
from workflow_scripts.support.errors import UserError
from workflow_scripts.support.files import hash_file, read_json

pytestmark = pytest.mark.faults
server = misbehaving_server.server  # the fixture
PLAIN = Source("toy", "A toy.", "none", "", ("table.csv",))


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A wheel beside the environment, with a data file."""
    monkeypatch.setattr(packages, "BESIDE", tmp_path / "packages")
    (tmp_path / "packages").mkdir()
    wheel = tmp_path / "packages" / "toy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy/data/table.csv", "a\n1\n")
        archive.writestr("toy/__init__.py", "raise SystemExit('imported')")
    return Package("toy==1.0", wheel.name, hash_file(wheel), "toy/data/table.csv")


def test_the_file_of_a_package_is_taken_without_network(package, tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    provide(replace(PLAIN, package=package), tmp_path / "raw", tmp_path / "raw.json")
    manifest = read_json(tmp_path / "raw.json")
    assert manifest["package"] == "toy==1.0"
    assert [path.name for path in Path(manifest["root"]).iterdir()] == ["table.csv"]
    assert (tmp_path / "raw" / "table.csv").read_text() == "a\n1\n"


def test_a_wheel_of_another_digest_is_not_used(package, tmp_path, monkeypatch):
    calls = []

    def pip(command, **_):
        calls.append(command)
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: no network\n")

    monkeypatch.setattr(subprocess, "run", pip)
    wrong = replace(PLAIN, package=replace(package, sha256="0" * 64))
    with pytest.raises(UserError, match=r"pip cannot get toy==1\.0 \(ERROR: no network\); get toy by other means"):
        provide(wrong, tmp_path / "raw", tmp_path / "raw.json")
    assert "--require-hashes" in calls[0]
    assert not (tmp_path / "raw.json").exists()


def test_a_downloaded_wheel_is_kept_beside_the_environment(package, tmp_path, monkeypatch):
    stored = tmp_path / "packages" / package.wheel
    content = stored.read_bytes()
    stored.unlink()

    def pip(command, **_):
        (Path(command[-1]) / package.wheel).write_bytes(content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    provide(replace(PLAIN, package=package), tmp_path / "raw", tmp_path / "raw.json")
    assert stored.read_bytes() == content


def test_single_files_are_downloaded_and_verified(tmp_path, server: Server):
    server.pages["/table.csv"] = Page(b"a\n1\n")
    file = RemoteFile("table.csv", (f"{server.url}/table.csv",), size=4)
    provide(replace(PLAIN, files=(file,)), tmp_path / "raw", tmp_path / "raw.json", pause=0)
    assert (tmp_path / "raw" / "table.csv").read_bytes() == b"a\n1\n"
    assert read_json(tmp_path / "raw.json")["root"] == str(tmp_path / "raw")
    wrong = replace(file, size=None, md5="0" * 32)
    with pytest.raises(UserError, match="md5"):
        provide(replace(PLAIN, files=(wrong,)), tmp_path / "other", tmp_path / "other.json", pause=0)
    assert not (tmp_path / "other.json").exists()


def test_a_local_folder_of_verified_files_has_no_caveat(tmp_path):
    (tmp_path / "mine").mkdir()
    table = tmp_path / "mine" / "table.csv"
    table.write_bytes(b"a\n1\n")
    file = RemoteFile("table.csv", ("https://nowhere/table.csv",), sha256=hash_file(table))
    provide(replace(PLAIN, files=(file,)), tmp_path / "raw", tmp_path / "raw.json", tmp_path / "mine")
    assert read_json(tmp_path / "raw.json")["caveat"] == ""
    table.write_bytes(b"a\n2\n")
    provide(replace(PLAIN, files=(file,)), tmp_path / "raw", tmp_path / "raw.json", tmp_path / "mine")
    assert "table.csv differ from the published ones" in read_json(tmp_path / "raw.json")["caveat"]


def test_data_behind_an_agreement_name_the_key_to_set(tmp_path):
    source = replace(PLAIN, access="https://example.org/agreement")
    with pytest.raises(
        UserError, match=r"not downloaded; get it from https://example\.org/agreement and set the config"
    ):
        provide(source, tmp_path / "toy" / "raw", tmp_path / "toy" / "raw.json")
