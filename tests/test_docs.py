"""The documents: a site without broken links that loads nothing from elsewhere, and links that GitHub shows."""

import re
import shutil
from html.parser import HTMLParser

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort
from project import ROOT

from workflow_scripts.experiment.plain import read_yaml

pytestmark = pytest.mark.unit
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Attributes by which a page loads what it needs to be shown.
LOADS = {("script", "src"), ("link", "href"), ("img", "src"), ("iframe", "src"), ("source", "src"), ("video", "src")}


class Page(HTMLParser):
    """The links, the anchors and the loaded files of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors, self.loads = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name"):
                self.anchors.add(value)
            if tag == "a" and name == "href":
                self.links.append(value)
            if (tag, name) in LOADS and ("rel", "canonical") not in attributes:
                self.loads.append(value)


def build_site(folder, root=ROOT):
    build(load_config(str(root / "mkdocs.yml"), site_dir=str(folder)))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        return build_site(tmp_path_factory.mktemp("site"))


def read_pages(site):
    """Every page of the site that is made of a document."""
    return {path: Page(path.read_text()) for path in site.glob("*.html") if path.name != "404.html"}


def test_every_link_of_the_site_leads_somewhere(site):
    pages = read_pages(site)
    listed = {next(iter(entry.values())) for entry in read_yaml(ROOT / "mkdocs.yml")["nav"]}
    assert {path.with_suffix(".md").name for path in pages} >= listed
    for path, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:", link):
                continue
            target = (path.parent / file).resolve() if file else path
            assert target.is_file(), f"{path.name} links to {link}"
            if anchor and target in pages:
                assert anchor in pages[target].anchors, f"{path.name} links to {link}"


def test_the_site_needs_no_network(site):
    for path, page in read_pages(site).items():
        assert page.loads, path
        assert not [load for load in page.loads if re.match(r"([a-z]+:)?//", load)], path


def test_a_broken_link_is_refused(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("NO_MKDOCS_2_WARNING", "1")
    (tmp_path / "docs").mkdir()
    for name in ("docs/site_hooks.py", "docs/operations.md", "docs/attacks.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        (tmp_path / name).write_text("# A page\n")
    (tmp_path / "mkdocs.yml").write_text(re.sub(r"nav:\n(  - .*\n)+", "", (ROOT / "mkdocs.yml").read_text()))
    for link in ("operations.md#no-such-section", "no-such-page.md"):
        (tmp_path / "README.md").write_text(f"# A page\n\n[a link](docs/{link})\n")
        with pytest.raises(Abort, match="1 warning"):
            build_site(tmp_path / "site", tmp_path)
        assert link in caplog.text


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))])
def test_links_lead_somewhere_on_the_repository_s_page_too(name):
    for link in LINK.findall((ROOT / name).read_text()):
        file = link.partition("#")[0]
        # ../../actions is of the repository's host.
        if file and not re.match(r"[a-z]+:|\.\./\.\./actions/", link):
            assert ((ROOT / name).parent / file).exists(), link


def test_badges_say_what_is_so():
    versions = set(re.findall(r"3\.\d+", (ROOT / "docs/badges/python.svg").read_text()))
    said = re.search(r"Python (3\.[\d, or.and]+) \(with venv", (ROOT / "README.md").read_text())
    assert said
    assert versions == set(re.findall(r"3\.\d+", said[1]))
    assert (ROOT / "LICENSE").read_text().startswith("MIT") == ("MIT" in (ROOT / "docs/badges/licence.svg").read_text())
