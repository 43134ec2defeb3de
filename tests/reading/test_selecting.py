"""Finding runs and selecting among them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
import warnings
from datetime import date, datetime, timedelta, timezone

import pytest
from challenges import ExampleChallenge
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from run_folders import (
    CHALLENGE,
    PUBLISHED,
    START,
    as_ordinary_user,
    needs_published,
    write_legacy_run,
    write_run,
)

from gaitmap_results import (
    filter_results,
    get_all_result_paths,
    get_latest_result,
    load_run_metadata,
    recorded_run,
    save_run,
)
from gaitmap_results.exceptions import InvalidOptionError, RunNotFoundError, SkippedRunWarning

KLUGE = "gaitmap_challenges.full_pipeline.kluge_2017.Challenge"
ADIDAS = "gaitmap_challenges.spatial_parameters.egait_adidas_2014.Challenge"
HOUR = timedelta(hours=1)


# What get_all_result_paths finds.


@pytest.mark.parametrize("challenge", [ExampleChallenge, ExampleChallenge(), "challenges.ExampleChallenge"])
def test_a_challenge_is_a_class_an_instance_or_a_name(challenge, tmp_path):
    """Runs are found by the class, an instance and the full name, and come back as absolute paths in a list."""
    saved = save_run(ExampleChallenge().run(1), "test", custom_metadata={}, path=tmp_path, use_git=False)
    assert get_all_result_paths(challenge, tmp_path) == {("test",): [saved]}


def test_an_entry_is_a_tuple(tmp_path):
    """An entry whose name is a string is not taken apart: "ab" and ("a", "b") are two entries."""
    first, second = write_run(tmp_path, "ab"), write_run(tmp_path, ["a", "b"])
    assert get_all_result_paths(CHALLENGE, tmp_path) == {("a", "b"): [second], ("ab",): [first]}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    runs=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(-12, 14), st.booleans()),
        min_size=1,
        max_size=6,
        unique_by=lambda r: r[0],
    )
)
def test_runs_are_in_the_order_of_their_true_start(runs, tmp_path_factory):
    """Whoever recorded them in whichever time zone, the runs of an entry are listed by their true start."""
    results = tmp_path_factory.mktemp("results")
    for seconds, offset, is_legacy in runs:
        start = (START + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=offset)))
        if is_legacy:
            write_legacy_run(results, "shin", start)
        else:
            write_run(results, "shin", start=start)
    paths = get_all_result_paths(CHALLENGE, results)[("shin",)]
    starts = [datetime.fromisoformat(load_run_metadata(path)["run_start_datetime"]) for path in paths]
    assert starts == sorted(starts)
    assert len(starts) == len(runs)


def test_runs_of_the_same_moment_are_in_the_order_of_their_numbers(tmp_path):
    """Where the starts are equal or unknown, _10 comes after _2."""
    for start in (START.timestamp(), None):
        results = tmp_path / str(start)
        stamp = f"{START:%Y%m%d_%H%M%S}"
        names = [stamp, f"{stamp}_2", f"{stamp}_10"]
        for name in reversed(names):
            write_run(results, name=name, run_start_datetime_utc=start)
        assert [path.name for path in get_all_result_paths(CHALLENGE, results)[("shin",)]] == names


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"entry_name": "sh',
        b"[1, 2]",
        b"{}",
        b'{"name": "of another program"}',
        b'{"entry_name": 3, "challenge_name": "a.B", "challenge_version": "1", "is_debug_run": true}',
        b'{"entry_name": [], "challenge_name": "a.B", "challenge_version": "1", "is_debug_run": true}',
        b'{"entry_name": "a", "challenge_name": "a.B", "challenge_version": "1", "is_debug_run": "no"}',
        b"\xff\xfe\x00",
    ],
)
def test_a_corrupt_folder_costs_one_warning(content, tmp_path):
    """A folder whose metadata.json is damaged or foreign is named in one warning, and the others are listed."""
    good, bad = write_run(tmp_path), write_run(tmp_path, start=START + HOUR)
    (bad / "metadata.json").write_bytes(content)
    with pytest.warns(SkippedRunWarning) as caught:
        results = get_all_result_paths(CHALLENGE, tmp_path)
    assert results == {("shin",): [good]}
    assert len(caught) == 1
    assert str(bad) in str(caught[0].message)
    assert caught[0].filename == __file__


def test_many_corrupt_folders_cost_one_warning(tmp_path):
    """The warning says how many there are, and does not become a page long."""
    good = write_run(tmp_path)
    for number in range(1, 31):
        (write_run(tmp_path, start=START + number * HOUR) / "metadata.json").write_text("{")
    with pytest.warns(SkippedRunWarning, match="30 folders are left out") as caught:
        assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [good]}
    assert len(caught) == 1
    assert "and 20 more" in str(caught[0].message)
    assert len(str(caught[0].message).splitlines()) < 15


def test_the_name_of_a_folder_breaks_no_line(tmp_path):
    """Each folder that is left out has one line in the warning, also if its name has several."""
    gone = tmp_path / "two\nlines" / "20260329_123005"
    with pytest.warns(SkippedRunWarning) as caught:
        assert filter_results({("shin",): [gone]}) == {}
    _, line = str(caught[0].message).splitlines()
    assert line.startswith(rf"  {tmp_path}{os.sep}two\nlines{os.sep}20260329_123005: There is no run in")


def test_a_metadata_file_of_the_challenge_is_no_run(tmp_path):
    """A challenge may write a metadata.json of its own into its core results."""
    run = write_run(tmp_path)
    (run / "results" / "metadata.json").write_bytes((run / "metadata.json").read_bytes())
    assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [run]}


def test_the_inside_of_a_damaged_run_is_no_run(tmp_path):
    """Where a run has lost its metadata.json, the one among its core results does not step in."""
    good, bad = write_run(tmp_path), write_run(tmp_path, start=START + HOUR)
    (bad / "metadata.json").rename(bad / "results" / "metadata.json")
    with pytest.warns(SkippedRunWarning, match="it has no metadata.json"):
        assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [good]}


def test_a_foreign_file_beside_runs_does_not_hide_them(tmp_path):
    """A metadata.json that another program left in the folder of an entry is named, and the runs below are listed."""
    run = write_run(tmp_path)
    (run.parent / "metadata.json").write_text('{"tool": "other"}')
    with pytest.warns(SkippedRunWarning, match="is not that of a run: it has no entry_name"):
        assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [run]}


def test_a_run_of_another_challenge_is_not_listed(tmp_path):
    """A run folder that was copied below the wrong challenge is named, not counted among that challenge's."""
    run = write_run(tmp_path)
    other = write_run(tmp_path, "copied", challenge_name="gait_lab.Other")
    with pytest.warns(SkippedRunWarning, match="another challenge, gait_lab.Other") as caught:
        assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [run]}
    assert str(other) in str(caught[0].message)


def test_a_renamed_run_folder_is_found(tmp_path):
    """What makes a folder a run is its record, not its name."""
    run = write_run(tmp_path, name="the good one")
    assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [run]}


def test_an_unfinished_run_does_not_count(tmp_path):
    """While a run is recorded, its folder is not listed, whatever is in it."""
    finished = save_run(ExampleChallenge().run(1), "test", custom_metadata={}, path=tmp_path, use_git=False)
    with recorded_run("test", path=tmp_path, use_git=False):
        ExampleChallenge().run(2)
        (unfinished,) = (tmp_path / ".unfinished").iterdir()
        (unfinished / "metadata.json").write_bytes((finished / "metadata.json").read_bytes())
        assert get_all_result_paths(ExampleChallenge, tmp_path) == {("test",): [finished]}
        (unfinished / "metadata.json").unlink()


def test_links(tmp_path):
    """A loop of links ends, a link to a run that is listed anyway does not double it, and one that leads out counts."""
    results = tmp_path / "results"
    run = write_run(results)
    elsewhere = write_run(tmp_path / "archive", "old")
    links = results / CHALLENGE / "1.0.0"
    try:
        (links / "loop").symlink_to(links)
        (links / "up").symlink_to(tmp_path)
        (links / "itself").symlink_to(links / "itself")
        (links / "shin" / "latest").symlink_to(run)
        (links / "gone").symlink_to(tmp_path / "nowhere")
        (links / "old").symlink_to(elsewhere.parent)
    except OSError:
        pytest.skip("this system makes no links")
    assert get_all_result_paths(CHALLENGE, results) == {("old",): [links / "old" / elsewhere.name], ("shin",): [run]}


def test_closed_folders_and_files_are_skipped(tmp_path):
    """What one may not read costs a warning that names it, and the others are listed."""
    run = write_run(tmp_path)
    closed = [write_run(tmp_path, "closed"), write_run(tmp_path, "folder").parent]
    (closed[0] / "metadata.json").chmod(0)
    closed[1].chmod(0)
    program = f"""
        import json, warnings
        from gaitmap_results import get_all_result_paths
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found = get_all_result_paths({CHALLENGE!r}, {str(tmp_path)!r})
        print(json.dumps([[str(p) for ps in found.values() for p in ps], [str(w.message) for w in caught]]))
    """
    command = as_ordinary_user([sys.executable, "-c", textwrap.dedent(program)])
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        closed[1].chmod(0o755)
    found, (message,) = json.loads(done.stdout)
    assert found == [str(run)]
    assert all(str(path) in message for path in closed)
    assert message.count("Permission denied") == 2


# Where it looks.


def test_the_results_folder_may_be_text_and_relative(tmp_path, monkeypatch):
    """A relative results folder gives absolute paths, which mean the same run after a change of the folder."""
    run = write_run(tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    results = get_all_result_paths(CHALLENGE, "results")
    assert filter_results({("shin",): [run.relative_to(tmp_path)]}) == results
    monkeypatch.chdir("/")
    assert results == {("shin",): [run]}
    assert filter_results(results, "1.0.0") == results


def test_a_folder_above_the_results_folder_will_do(tmp_path):
    """As in gaitmap_challenges, the challenge's folder is looked for below the given one."""
    run = write_run(tmp_path / "project" / "results")
    assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [run]}


def test_a_backup_does_not_hide_the_results(tmp_path):
    """What lies directly in the given folder counts; of several folders further down none is chosen silently."""
    write_run(tmp_path / "a_backup", "old")
    run = write_run(tmp_path)
    assert get_all_result_paths(CHALLENGE, tmp_path) == {("shin",): [run]}
    write_run(tmp_path / "above" / "one")
    write_run(tmp_path / "above" / "two")
    with pytest.raises(InvalidOptionError, match="Several folders") as caught:
        get_all_result_paths(CHALLENGE, tmp_path / "above")
    assert str(tmp_path / "above" / "two") in str(caught.value)


@pytest.mark.parametrize("there", [False, True])
def test_nothing_found_is_an_error_that_says_where(there, tmp_path):
    """No folder, or one without runs of the challenge: the error names the place and the challenge."""
    folder = tmp_path / "results"
    if there:
        write_run(folder, challenge="gait_lab.Other")
    with pytest.raises(RunNotFoundError) as caught:
        get_all_result_paths(CHALLENGE, folder)
    assert str(folder) in str(caught.value)


# How often it reads, and whether it goes stale.

COUNTING = """
import sys
from collections import Counter
opened = Counter()
sys.addaudithook(lambda event, args: opened.update([str(args[0])]) if event == "open" else None)
from gaitmap_results import *
results = get_all_result_paths({challenge!r}, {folder!r})
some = filter_results(results, "1.0.0", is_debug_run=False, commit="59a7", since="2020-01-01", entry="shin")
latest = get_latest_result(some)
table = get_metadata_as_df(results, include_additional=["runtime", "git_dirty"])
overview = generate_overview_table(latest)
again = get_all_result_paths({challenge!r}, {folder!r})
assert again == results and len(table) == 300 and len(overview) == 1, (len(table), len(overview))
counts = Counter(n for path, n in opened.items() if path.endswith("metadata.json") and "custom" not in path)
print(counts[1], sum(counts.values()) - counts[1])
"""


def test_each_file_is_read_once(tmp_path):
    """Listing, filtering, finding the latest and two tables of 300 runs open each metadata.json a single time."""
    for number in range(300):
        write_run(tmp_path, f"entry_{number % 20}" if number % 3 else "shin", start=START + number * HOUR)
    program = COUNTING.format(challenge=CHALLENGE, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    once, several = map(int, done.stdout.split())
    # The folders of the challenge, its version and its 21 entries are asked for the file too, without success.
    assert once >= 300
    assert several == 23


def test_an_edit_is_seen(tmp_path):
    """A file that was edited after the listing counts as it is now, even if neither its size nor its name changed."""
    run = write_run(tmp_path, is_debug_run=True)
    for expected in (False, True, False, True):
        results = get_all_result_paths(CHALLENGE, tmp_path)
        text = (run / "metadata.json").read_text()
        old, new = ('"is_debug_run": true', '"is_debug_run":false')
        text = text.replace(old, new) if old in text else text.replace(new, old)
        (run / "metadata.json").write_text(text)
        assert bool(filter_results(results, is_debug_run=True)) is expected


def test_a_run_that_is_gone_is_named(tmp_path):
    """A run that was deleted after the listing costs a warning, not the others."""
    first, second = write_run(tmp_path), write_run(tmp_path, start=START + HOUR)
    results = get_all_result_paths(CHALLENGE, tmp_path)
    (second / "metadata.json").unlink()
    with pytest.warns(SkippedRunWarning, match=str(second)):
        assert filter_results(results) == {("shin",): [first]}
    with pytest.warns(SkippedRunWarning, match=str(second)):
        assert get_latest_result(results) == {("shin",): first}


def test_what_is_returned_is_the_callers_own(tmp_path):
    """Changing a returned list or a dictionary given to a predicate changes nothing for anybody else."""
    write_run(tmp_path)
    get_all_result_paths(CHALLENGE, tmp_path)[("shin",)].clear()
    results = get_all_result_paths(CHALLENGE, tmp_path)
    assert len(results[("shin",)]) == 1
    assert filter_results(results, predicate=lambda metadata: metadata.clear() or True) == results
    assert filter_results(results, predicate=lambda metadata: metadata["entry_name"] == "shin") == results
    filtered = filter_results(results)
    filtered[("shin",)].clear()
    assert len(results[("shin",)]) == 1


# Filtering.


@pytest.fixture
def three(tmp_path):
    """Return the results of three runs: an old one, a debug run, and one of a nested entry."""
    write_run(tmp_path, start=START)
    write_run(tmp_path, start=START + 24 * HOUR, is_debug_run=True, challenge_version="1.1.0", git_commit_hash="abcd12")
    write_run(tmp_path, ["gaitmap", "shin"], start=START + 48 * HOUR, git_commit_hash=None)
    return get_all_result_paths(CHALLENGE, tmp_path)


def dates(results):
    """Return the days on which the runs started."""
    return sorted(int(path.name[6:8]) for paths in results.values() for path in paths)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, [29, 30, 31]),
        ({"challenge_version": "1.0.0"}, [29, 31]),
        ({"challenge_version": ""}, []),
        ({"is_debug_run": True}, [30]),
        ({"is_debug_run": False}, [29, 31]),
        ({"entry": "shin"}, [29, 30]),
        ({"entry": "gaitmap"}, [31]),
        ({"entry": ("gaitmap", "shin")}, [31]),
        ({"entry": "gaitmap/shin"}, [31]),
        ({"entry": "gait"}, []),
        ({"since": START + 24 * HOUR}, [30, 31]),
        ({"until": START + 24 * HOUR}, [29]),
        ({"since": "2026-03-30T12:30:05.250000+00:00", "until": "2026-03-30T12:30:06Z"}, [30]),
        ({"commit": "ABCD"}, [30]),
        ({"commit": "59a7855b7a0d16171bf1a0e89fdc91646d2925e8"}, [29]),
        ({"verification": "no manifest"}, []),
        ({"verification": ["no manifest", "changed"]}, [29, 30, 31]),
        ({"predicate": lambda metadata: metadata["git_commit_hash"] is None}, [31]),
        ({"challenge_version": "1.0.0", "is_debug_run": False, "entry": "shin", "since": "2020-01-01"}, [29]),
    ],
)
def test_filter(criteria, expected, three):
    """Each criterion selects what it says, alone and with others."""
    assert dates(filter_results(three, **criteria)) == expected


def test_the_first_two_criteria_can_be_given_by_position(three):
    """The order of the arguments is that of gaitmap_challenges."""
    assert filter_results(three, "1.1.0", True) == filter_results(three, challenge_version="1.1.0", is_debug_run=True)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change its zone in a process")
def test_days_are_local(tmp_path, monkeypatch):
    """A date means the day on the user's calendar, and the last day belongs to the time range."""
    late = datetime(2026, 3, 29, 23, 30, tzinfo=timezone.utc)  # already the 30th in Berlin
    write_run(tmp_path, start=late)
    results = get_all_result_paths(CHALLENGE, tmp_path)
    try:
        for zone, day in (("Europe/Berlin", 30), ("UTC", 29), ("America/New_York", 29)):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            for other in (28, 29, 30, 31):
                expected = results if other == day else {}
                assert filter_results(results, since=f"2026-03-{other}", until=date(2026, 3, other)) == expected
    finally:
        monkeypatch.undo()
        time.tzset()


def test_intact_runs_can_be_selected(tmp_path):
    """Verification is against the files as they are: a run with a changed result is no longer intact."""
    paths = [
        save_run(ExampleChallenge().run(n), "test", custom_metadata={}, path=tmp_path, use_git=False) for n in (1, 2)
    ]
    results = get_all_result_paths(ExampleChallenge, tmp_path)
    assert filter_results(results, verification="intact") == results
    (paths[0] / "results" / "result.json").write_text("changed")
    assert filter_results(results, verification="intact") == {("test",): [paths[1]]}
    assert filter_results(results, verification="changed") == {("test",): [paths[0]]}


@pytest.mark.parametrize(
    "criteria",
    [
        {"is_debug_run": "no"},
        {"challenge_version": 1},
        {"entry": 3},
        {"entry": ""},
        {"entry": ("a", "", "b")},
        {"since": "sometime"},
        {"since": 20260329},
        {"until": "2026-13-01"},
        {"commit": "main"},
        {"commit": "abc"},
        {"verification": "fine"},
        {"verification": []},
        {"predicate": "runtime > 1"},
    ],
)
def test_a_criterion_that_makes_no_sense_is_refused(criteria, three):
    """A criterion that could never be meant is an error that names it, not an empty result."""
    with pytest.raises(InvalidOptionError) as caught:
        filter_results(three, **criteria)
    assert next(iter(criteria)) in str(caught.value)


# The latest.


def test_the_latest_is_the_one_that_started_last(tmp_path):
    """An earlier run in UTC does not win against a later one that gaitmap_challenges recorded in Berlin."""
    berlin = timezone(2 * HOUR)
    write_run(tmp_path, start=START)
    later = write_legacy_run(tmp_path, "shin", (START + HOUR).astimezone(berlin))
    results = get_all_result_paths(CHALLENGE, tmp_path)
    assert get_latest_result(results) == {("shin",): later}
    assert get_latest_result({("shin",): results[("shin",)][::-1], ("nobody",): []}) == {("shin",): later}


def test_the_latest_comes_last(three):
    """What get_latest_result returned cannot be filtered, and the error says so."""
    with pytest.raises(InvalidOptionError, match="get_latest_result comes last"):
        filter_results(get_latest_result(three))


# The published runs of gaitmap_challenges.


@needs_published
def test_published_runs():
    """All 17 published runs are listed without any warning, with the true start."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kluge = get_all_result_paths(KLUGE, PUBLISHED)
        adidas = get_all_result_paths(ADIDAS, PUBLISHED)
        assert filter_results(kluge, "1.0.0", is_debug_run=False) == kluge
    assert {"/".join(entry): len(paths) for entry, paths in kluge.items()} == {
        "gaitmap/mad_classic/default": 3,
        "gaitmap/mad_modern/default": 3,
        "gaitmap/mad_modern/optimized_zupt": 3,
    }
    assert sum(map(len, adidas.values())) == 8
    for path in (path for results in (kluge, adidas) for paths in results.values() for path in paths):
        metadata = load_run_metadata(path)
        true_start = datetime.fromisoformat(metadata["run_start_datetime"]).timestamp()
        assert metadata["run_start_datetime_utc"] == pytest.approx(true_start, abs=1e-3)
        assert metadata["repaired"]["run_start_datetime_utc"]["stored"] == pytest.approx(true_start - 7200, abs=1)
    # 10:19 local time was 08:19 in UTC; the stamp that is stored says 06:19.
    since = {"since": "2023-07-07T08:19:00+00:00", "until": "2023-07-07T08:30:00+00:00"}
    assert sum(map(len, filter_results(kluge, **since).values())) == 3
