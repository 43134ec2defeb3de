"""The files of a run folder that a stranger may have written: only ordinary ones inside of it are opened."""

from __future__ import annotations

import os
import warnings
from datetime import timedelta
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from run_folders import CHALLENGE, START, write_run

from gaitmap_results import (
    get_all_result_paths,
    get_metadata_as_df,
    load_run,
    load_run_custom_metadata,
    load_run_metadata,
    save_run,
    verify_run,
)
from gaitmap_results.exceptions import CorruptRunError, RunNotFoundError, SkippedRunWarning, printable
from gaitmap_results.reading.run_files import MAX_BYTES, links_out

resource = pytest.importorskip("resource", reason="needs memory and devices as POSIX has them")
pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs links, pipes and devices as POSIX has them")
FILES = ("metadata.json", "custom_metadata.json")


def spoil(run: Path, name: str, kind: str, private: Path) -> None:
    """Put something else in the place of a file of a run."""
    file = run / name
    content = file.read_bytes()
    file.unlink()
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "large":
        with file.open("wb") as stream:
            stream.write(content)
            stream.truncate(MAX_BYTES + 1)
    else:
        file.symlink_to({"device": Path("/dev/zero"), "link": private, "relative link": Path("../../../../x")}[kind])


@pytest.mark.parametrize("kind", ["device", "pipe", "large", "link", "relative link"])
@pytest.mark.parametrize("name", FILES)
def test_only_ordinary_files_inside_of_the_run_are_read(name, kind, tmp_path):
    """A device, a pipe, a link out of the folder and a file above 64 MB are told, and not read."""
    private = tmp_path / "private.json"
    private.write_text('{"stolen": "words of another file"}')
    (tmp_path / "x").write_text('{"stolen": "words of another file"}')
    results = tmp_path / "results"
    good, bad = write_run(results), write_run(results, start=START + timedelta(hours=1))
    spoil(bad, name, kind, private)
    load = load_run_metadata if name == "metadata.json" else load_run_custom_metadata
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CorruptRunError, match="cannot be read") as raised:
        load(bad)
    assert "words of another file" not in str(raised.value)
    if name == "metadata.json":
        with pytest.warns(SkippedRunWarning) as caught:
            assert get_all_result_paths(CHALLENGE, results) == {("shin",): [good]}
        assert len(caught) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB, of the 64 MB


@pytest.mark.parametrize("where", ["results/result.json", "results", "results/deeper"])
def test_core_results_outside_of_the_run_are_not_loaded(where, tmp_path):
    """A link out of the run folder among the core results is named before the challenge opens it."""
    saved = save_run(ExampleChallenge().run(1), "e", custom_metadata={}, path=tmp_path / "r", use_git=False)
    outside = tmp_path / "outside"
    if (saved / where).exists():
        (saved / where).rename(outside)
    (saved / where).symlink_to(outside)
    with pytest.raises(CorruptRunError, match=f"(?s)links out of it are not followed.*{where}"):
        load_run(ExampleChallenge, saved)


def test_many_links_out_of_the_run_are_a_short_list(tmp_path):
    """Each link is named on one line, whatever its name, and the first ten of many are."""
    saved = save_run(ExampleChallenge().run(1), "e", custom_metadata={}, path=tmp_path / "r", use_git=False)
    for number in range(13):
        (saved / "results" / f"{number:02}\nlink").symlink_to(tmp_path)
    with pytest.raises(CorruptRunError) as raised:
        load_run(ExampleChallenge, saved)
    lines = str(raised.value).splitlines()
    assert len(lines) == 13
    assert lines[1] == r"  results/00\nlink: it is a link that leads out of the run folder"
    assert lines[11:] == ["  and 3 more", "If you trust them, put the files in the place of the links."]


def test_only_links_cost_a_question(tmp_path, monkeypatch):
    """The listing of a folder tells what is a link, so that of a hundred thousand files none is asked for again."""
    saved = save_run(ExampleChallenge().run(1), "e", custom_metadata={}, path=tmp_path, use_git=False)
    asked = []
    is_symlink = Path.is_symlink
    monkeypatch.setattr(Path, "is_symlink", lambda path: asked.append(path.name) or is_symlink(path))
    (saved / "results" / "link").symlink_to("result.json")
    assert links_out(saved, "results") == []
    assert asked == ["results", "link"]


def test_a_link_inside_of_the_run_is_followed(tmp_path):
    """A link from one file of a run to another one leads to nothing foreign."""
    saved = save_run(ExampleChallenge().run(1), "e", custom_metadata={"a": 1}, path=tmp_path, use_git=False)
    (saved / "custom_metadata.json").rename(saved / "results" / "about.json")
    (saved / "custom_metadata.json").symlink_to("results/about.json")
    assert load_run(ExampleChallenge, saved).custom_metadata == {"a": 1}


@pytest.mark.parametrize("locked", [True, False])
def test_git_annex_is_told_as_such(locked, tmp_path):
    """A file that git-annex keeps elsewhere is no damage: the error and the verification name git-annex."""
    saved = save_run(ExampleChallenge().run(1), "e", custom_metadata={}, path=tmp_path / "r", use_git=False)
    key = "SHA256E-s2--44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a.json"
    for name in ("results/result.json", "custom_metadata.json"):
        (saved / name).unlink()
        if locked:
            (saved / name).symlink_to(f"../../../../../.git/annex/objects/Xx/Yy/{key}/{key}")
        else:
            (saved / name).write_text(f"/annex/objects/{key}\n")
    found = verify_run(saved)
    assert (found.status, found.missing, found.changed) == ("unreadable", (), ())
    assert {name: "git annex" in reason for name, reason in found.skipped} == {
        "custom_metadata.json": True,
        "results/result.json": True,
    }
    with pytest.raises(CorruptRunError, match="git annex unlock"):
        load_run_custom_metadata(saved)


def test_a_number_that_no_float_holds_costs_nothing(tmp_path):
    """An integer of 400 digits in a record is an unknown number, and the run is listed."""
    run = write_run(tmp_path)
    for key in ("runtime", "run_start_datetime_utc"):
        for schema in (1, ...):
            odd = write_run(tmp_path, "odd", schema_version=schema)
            text = (odd / "metadata.json").read_text()
            (odd / "metadata.json").write_text(text.replace(f'"{key}": ', f'"{key}": 1{"0" * 400}, "was": '))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = get_all_result_paths(CHALLENGE, tmp_path)
    assert found[("shin",)] == [run]
    assert len(found[("odd",)]) == 4


def test_half_a_character_costs_nothing(tmp_path):
    """A lone surrogate in a record is shown as its escape, and the run is listed, shown and written into tables."""
    run = write_run(tmp_path, custom={"note": "ok"}, run_start_datetime="\ud800")
    table = get_metadata_as_df(get_all_result_paths(CHALLENGE, tmp_path))
    assert load_run_metadata(run)["run_start_datetime"] == "\\ud800" == table["run_start_datetime"][0]


def test_files_that_cannot_be_opened_are_told(tmp_path):
    """A folder or a circle of links in the place of a file is a CorruptRunError that names it."""
    run = write_run(tmp_path)
    for name, read in (("metadata.json", load_run_metadata), ("custom_metadata.json", load_run_custom_metadata)):
        (run / name).unlink()
        (run / name).mkdir()
        with pytest.raises(CorruptRunError, match=name):
            read(run)
        (run / name).rmdir()
        (run / name).symlink_to(name)
        with pytest.raises(CorruptRunError, match=name):
            read(run)


EVIL = "bad\x1b]0;title\x07\x1b[2J\x9b2J\u202egnp.\r"


def test_errors_and_warnings_escape_control_characters(tmp_path):
    """No control character of a name reaches the terminal through an error or a warning."""
    write_run(tmp_path)
    bad = write_run(tmp_path, start=START + timedelta(hours=1), name=f"{EVIL}20260329_133005")
    (bad / "metadata.json").write_text("{")
    with pytest.warns(SkippedRunWarning) as caught:
        get_all_result_paths(CHALLENGE, tmp_path)
    with pytest.raises(RunNotFoundError) as raised:
        load_run_metadata(tmp_path / EVIL)
    for text in (str(caught[0].message), str(raised.value)):
        assert not set(EVIL) & set("\x1b\x07\x9b\u202e\r") & set(text)
        assert r"bad\x1b]0;title\x07\x1b[2J\x9b2J\u202egnp.\r" in text


def test_ordinary_text_is_printable():
    """Letters of any script, lines and tabs stay as they are."""
    text = "größe 歩行 שלום 👩‍🔬\n\tnext"
    assert printable(text) == text
