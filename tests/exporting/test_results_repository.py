"""The workflow in the guide to a results repository does what the guide says, on a clone of such a repository."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from documents import NO_TERMINAL, TOP, Page, Shell
from exported_runs import add_manifest, write_whole_run
from git_repository import GitRepository

from gaitmap_results.comparing.report import write_site

PAGE = Page.read(TOP / "docs" / "how_to" / "publish_results.md")
INSTALL, *COMMANDS = re.findall(r"^ +(?:- )?run: (.+)$", "".join(PAGE.fragments("yaml")), re.MULTILINE)
VERIFY, NOTHING_CHANGED, *_ = COMMANDS


@pytest.fixture
def clone(tmp_path):
    """Return a terminal in a clone of a results repository, on a branch of its own."""
    repository = GitRepository(tmp_path / "study")
    for name in (".gitignore", ".gitattributes"):
        block = re.search(rf":caption: {re.escape(name)}\n\n(.*?)```", PAGE.text, re.DOTALL)
        repository.write(name, block[1])
    for entry in ("ten", "twelve"):
        write_whole_run(repository.path / "results", entry, challenge="entry.StepCount")
        debug = write_whole_run(repository.path / "results", entry, name="_20260329_123006", is_debug_run=True)
        assert debug.exists()
    repository.write("results/.unfinished/x/journal.json", "{}")
    repository.commit()
    (tmp_path / "terminal").mkdir()
    shell = Shell(tmp_path / "terminal")
    for command in (f"git clone -q {repository.path} .", "git checkout -q -b change", "export GITHUB_BASE_REF=main"):
        assert shell.type(command)[1] == 0
    return shell


def codes(shell):
    """Return the exit code of each command of the workflow but for the installation."""
    return {command: shell.type(command)[1] for command in COMMANDS}


@pytest.mark.exhaustive  # five processes that draw; nothing of it depends on the version of Python
@pytest.mark.skipif(bool(NO_TERMINAL), reason=NO_TERMINAL)
def test_the_workflow(clone):
    """On a good change every step passes; what must not be committed was not; what was damaged or changed stops it."""
    assert INSTALL == 'python -m pip install "gaitmap_results[report] @ git+https://github.com/OWNER/gaitmap_results"'
    results = clone.home / "results"
    assert {path.parent.parent.name for path in results.rglob("metadata.json")} == {"ten", "twelve"}
    assert not list(results.rglob("_*"))
    assert not (results / ".unfinished").exists()
    write_whole_run(results, "new", challenge="entry.StepCount")
    assert clone.type("git add results && git commit -q -m 'Add a run'")[1] == 0
    assert codes(clone) == dict.fromkeys(COMMANDS, 0)
    check_pages(clone.home / "public")
    # The same results in another place give the same pages.
    shutil.copytree(results, clone.home.parent / "elsewhere" / "results")
    write_site(clone.home.parent / "elsewhere" / "results", clone.home.parent / "again")
    for page in (clone.home.parent / "again").iterdir():
        assert page.read_bytes() == (clone.home / "public" / page.name).read_bytes()
    run = next(results.glob("*/*/ten/*"))
    (run / "scores.json").write_text((run / "scores.json").read_text().replace("4.0", "3.0"))
    assert clone.type(VERIFY)[1] == 1
    add_manifest(run)  # whoever changes the manifest, too, is found by git
    assert clone.type("git commit -q -a -m 'Improve a score'")[1] == 0
    assert (clone.type(VERIFY)[1], clone.type(NOTHING_CHANGED)[1]) == (0, 1)


def check_pages(folder):
    """Fail if a page of a site asks the network for anything, or leads to a page that is not there."""
    assert (folder / "index.html").exists()
    for page in folder.glob("*.html"):
        for tag, name, value in Links.of(page.read_text(encoding="utf-8")):
            if name in ("src", "data", "action") or (tag == "link" and name == "href"):
                assert value.startswith("data:")
            elif name in ("href", "xlink:href") and not value.startswith(("#", "https://")):
                assert (folder / unquote(value)).is_file(), f"{page.name} leads to {value}"
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert not re.search(r"@import|url\((?!#|['\"]?data:)", text)


class Links(HTMLParser):
    """Collects the attributes of a page that lead somewhere."""

    def __init__(self):
        super().__init__()
        self.found = []

    @classmethod
    def of(cls, text):
        parser = cls()
        parser.feed(text)
        return parser.found

    def handle_starttag(self, tag, attributes):
        self.found += [(tag, name, value or "") for name, value in attributes]
