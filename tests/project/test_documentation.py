"""The documentation: its examples run, and what it lists is complete."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import inspect
import json
import re
from pathlib import Path

import pytest
from documents import NO_TERMINAL, TOP, File, Page, Session, Shell, agree, problems_of
from test_docstring_examples import MODULES

import gaitmap_results
from gaitmap_results import exceptions
from gaitmap_results.config import LocalConfig

DOCS = TOP / "docs"
PACKAGE = Path(gaitmap_results.__file__).parent
PAGES = [
    TOP / "README.md",
    *sorted(page for page in DOCS.rglob("*.md") if not {"_build", "generated"} & set(page.parts)),
]
# The modules whose names the reference lists.
PUBLIC = re.findall(r"^   (gaitmap_results[\w.]*)$", (DOCS / "reference" / "api.md").read_text("utf-8"), re.MULTILINE)
# The tutorial needs the extra `demo`; a test of its own carries it out.
SHOWING = [page for page in PAGES if any(isinstance(step, Session) for step in Page.read(page).steps())]


def name_of(page):
    """Return how a page is called in the output of pytest."""
    return page.relative_to(TOP).as_posix()


# Examples


@pytest.mark.skipif(bool(NO_TERMINAL), reason=NO_TERMINAL)
@pytest.mark.parametrize("page", [page for page in SHOWING if page.name != "tutorial.md"], ids=name_of)
def test_a_page_shows_what_happens(page, tmp_path):
    """Every file of a page can be written and every command typed, and then the output is the one that is shown."""
    assert list(problems_of(Page.read(page), Shell(tmp_path))) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_on_a_page_is_python(page):
    """Every Python block is valid, imports only what is there and public, and passes only options that there are."""
    for code in Page.read(page).fragments("python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "gaitmap_results":
                if node.module.startswith("gaitmap_results.demo"):
                    continue  # needs the extra `demo`; the tutorial is carried out there
                assert node.module in PUBLIC
                module = importlib.import_module(node.module)
                assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []
            if isinstance(node, ast.Call) and ast.unparse(node.func) in gaitmap_results.__all__:
                # These two hand their options on.
                name = ast.unparse(node.func)
                known = dict(inspect.signature(getattr(gaitmap_results, name)).parameters)
                if name in ("record_run", "Entry"):
                    known |= inspect.signature(gaitmap_results.recorded_run).parameters
                assert [option.arg for option in node.keywords if option.arg and option.arg not in known] == []


def test_the_comparison_sees_a_difference():
    """What varies from time to time is equal, everything else is not, and three dots stand for any lines."""
    first = "Saved official run to /home/ana/results/a/20260102_030405\nF1 0.831 in 1.5 s\n"
    assert agree(first, first.replace("20260102_030405", "20270102_030405_1").replace("1.5 s", "12 s"))
    assert not agree(first, first.replace("0.831", "0.832"))
    assert not agree(first, first.replace("official", "debug"))
    assert not agree(first, first + "More\n")
    assert agree("one\n...\nfour\n", "one\ntwo\nthree\nfour\n")
    assert not agree("one\n...\nfour\n", "one\ntwo\nthree\n")
    assert not agree("one\n...\nthree\n...\n", "one\ntwo\n")
    assert agree("commit 0123abc", "commit fedcba9")
    assert not agree("defaced", "effaced")
    assert agree("commit 0123abc", "commit defaced")


@pytest.mark.skipif(bool(NO_TERMINAL), reason=NO_TERMINAL)
def test_a_page_that_shows_something_else_is_noticed(tmp_path):
    """A wrong output and a command that fails are reported; folder and variables last from one command to the next."""
    page = Page(
        tmp_path / "page.md",
        "```{code-block} python\n:caption: sub/a.py\n\nprint('is')\n```\n"
        "```console\n$ cd sub\n$ export WORD=said\n$ python a.py\nis not\n$ echo $WORD\nsaid\n$ false\n```\n",
    )
    assert next(page.steps()) == File("sub/a.py", "print('is')\n")
    wrong, failed = problems_of(page, Shell(tmp_path))
    assert "`python a.py` shows\nis\n\nand not\nis not" in wrong
    assert "`false` ends with code 1" in failed


@pytest.mark.skipif(bool(NO_TERMINAL), reason=NO_TERMINAL)
def test_a_commit_with_two_names_is_noticed(tmp_path):
    """What is called otherwise each time, such as a commit, has one name on a page, short or in full."""
    commit = "$ echo 64a13f63419e600a\n64a13f63419e600a\n"
    page = Page(tmp_path / "page.md", f"```console\n{commit}$ echo 64a13f6\n64a13f6\n$ echo 64a13f6\n41aa490\n```\n")
    assert list(problems_of(page, Shell(tmp_path))) == [
        "page.md: 41aa490 below `echo 64a13f6` has another name elsewhere"
    ]


# Completeness


def sections(page, level="###"):
    """Return the sections of a page: the name in each heading, and the text below it."""
    text = (DOCS / page).read_text(encoding="utf-8")
    found = re.finditer(rf"^{level} `([^`]+)`[^\n]*\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return {match[1]: match[2] for match in found}


def test_every_error_and_warning_is_explained():
    """The page of errors has each class of the module with the builtin it is, a cause and a remedy; and no other."""
    explained = sections("reference/errors.md")
    defined = [
        name
        for name, item in vars(exceptions).items()
        if isinstance(item, type) and item.__module__ == exceptions.__name__
    ]
    assert sorted(explained) == sorted(defined) == sorted(exceptions.__all__)
    for name, text in explained.items():
        stated = re.match(r"\nAn? `(\w+)`\.\n: \*\*Cause:\*\* .+?\n: \*\*Remedy:\*\* .+", text, re.DOTALL)
        assert stated, f"{name}: write which error it is, its cause and its remedy"
        base = getattr(exceptions, stated[1], None) or getattr(builtins, stated[1])
        assert base in getattr(exceptions, name).__bases__


def test_every_public_name_has_an_example():
    """Every public function and class has an example among those that are run; an error has its remedy instead."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    run = {
        test.name
        for module in MODULES
        for test in finder.find(importlib.import_module(module), module)
        if test.examples
    }
    without = []
    for module in map(importlib.import_module, PUBLIC):
        for item in (getattr(module, name) for name in module.__all__):
            if callable(item) and item.__name__ not in exceptions.__all__:
                without += {f"{item.__module__}.{item.__qualname__}"} - run
    assert without == []


def test_every_parameter_is_explained_where_it_is_used():
    """No docstring of a public name sends its reader elsewhere for what a parameter, a result or an error is."""
    elsewhere = re.compile(r"^ +As (?:in|for|from|by) ", re.MULTILINE)
    found = [
        f"{module.__name__}.{name}: {line.strip()}"
        for module in map(importlib.import_module, PUBLIC)
        for name in module.__all__
        for line in elsewhere.findall(inspect.getdoc(getattr(module, name)) or "")
    ]
    assert found == []


def test_every_debug_reason_is_explained():
    """The page of debug reasons has each code that the source can store, with its fix; and no other."""
    stored = {f"debug_run.{source}" for source in ("argument", "config", "default")}
    for file in PACKAGE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "DebugReason" and call.args:
                stored.update([call.args[0].value] if isinstance(call.args[0], ast.Constant) else [])
        stored.update(re.findall(r'"(git\.[a-z_]+)"', text) if "GitUnreadableError(" in text else [])
    explained = sections("reference/debug_reasons.md")
    assert sorted(explained) == sorted(stored)
    assert [name for name, text in explained.items() if "**Fix:**" not in text] == []


@pytest.mark.parametrize("page", ["debug_reasons", "errors"])
def test_messages_can_be_searched_for(page):
    """The pages of reasons and errors quote what a user sees, as the source says it; each reason has a quote."""
    sources = [ast.parse(file.read_text(encoding="utf-8")) for file in PACKAGE.rglob("*.py")]
    nodes = [node for tree in sources for node in ast.walk(tree)]
    said = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            said.append("".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values))
    text = "\n".join(said)
    quotes = {
        name: re.findall(r"“(.+?)”", " ".join(match[1].split()))
        for name, section in sections(f"reference/{page}.md").items()
        if (match := re.search(r"\*\*You see:\*\*(.+?)(?:\n\n|\Z)", section, re.DOTALL))
    }
    unknown = [quote for found in quotes.values() for quote in found if quote.strip("… ") not in text]
    assert unknown == []
    assert len(quotes) >= (12 if page == "debug_reasons" else 20)


def test_every_key_of_the_config_is_explained():
    """The page of the config has each key, each default that is one, and each variable."""
    text = (DOCS / "reference" / "config.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
    modules = [
        (PACKAGE / "config" / f"{name}.py").read_text(encoding="utf-8") for name in ("lookup", "effective_options")
    ]
    variables = re.findall(r'_VARIABLE(?:: Final)? = "(\w+)"', "\n".join(modules))
    assert sorted(rows) == sorted([*LocalConfig.__dataclass_fields__, "debug", *variables])
    assert rows["n_jobs"].endswith(f"| {LocalConfig().n_jobs}")


def test_every_key_of_the_metadata_is_in_a_table():
    """The page of the run folder shows each key of the schema, in a table of several or in one of its own."""
    text = (DOCS / "reference" / "run_folder.md").read_text(encoding="utf-8")
    schema = json.loads((DOCS / "reference" / "metadata.schema.json").read_text(encoding="utf-8"))
    tables = re.findall(r"^```\{schema-table\} ?(\S*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    shown = {key for name, content in tables for key in ([name.partition(".")[0]] if name else content.split())}
    assert set(schema["properties"]) - shown == set()


def test_every_word_of_the_design_is_in_the_glossary():
    """The glossary explains the words that all pages use."""
    text = (DOCS / "reference" / "glossary.md").read_text(encoding="utf-8")
    words = "challenge, entry, run, record, recorder, debug run, official run, provenance, metadata, custom metadata, "
    words += "core results, unfinished run, results folder, run folder"
    assert [word for word in words.split(", ") if f"\n{word}\n    " not in text] == []


def test_the_readme_is_short():
    """The start page has less than 120 lines."""
    assert len((TOP / "README.md").read_text(encoding="utf-8").splitlines()) < 120


def test_every_page_is_in_the_list_of_how_to_guides():
    """A how-to guide that is written can be found."""
    index = (DOCS / "how_to" / "index.md").read_text(encoding="utf-8").split()
    assert [page.stem for page in PAGES if page.parent.name == "how_to" and page.stem not in [*index, "index"]] == []
