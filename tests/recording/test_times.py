"""When a run started and ended and how long it took: right in every time zone, and whatever the clock does."""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from challenges import ExampleChallenge
from hypothesis import given
from hypothesis import strategies as st
from processes import run_python

from gaitmap_results import BaseChallenge, challenge, record_run, recorded_run, save_run
from gaitmap_results.challenge import RunTimes
from gaitmap_results.exceptions import AmbiguousChallengeError, NoChallengeError
from gaitmap_results.store.layout import run_folder_name

HAS_TZSET = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the C library of Windows knows no other time zone")

# Saves a run in each of the three ways and prints where, and the time before and after each.
PROGRAM = """
import json, sys, time
from challenges import ExampleChallenge
from gaitmap_results import record_run, recorded_run, save_run
results, pause = sys.argv[1], float(sys.argv[2])
if sys.argv[4:]:
    # Here, so that the change comes during the run however long the start of Python took.
    import os
    from datetime import datetime, timedelta, timezone
    from test_times import zone_that_changes
    change = (datetime.now(timezone.utc) + timedelta(seconds=pause)).replace(microsecond=0)
    print(change.timestamp(), file=open("change", "w"))
    os.environ["TZ"] = zone_that_changes(change, forward=sys.argv[4] == "forward")
    time.tzset()
stored = []
def entry():
    if sys.argv[4:]:
        time.sleep(max(0, change.timestamp() - time.time() + 0.01))
    return 1
def note(way):
    before = time.time()
    path = way()
    stored.append((before, str(path), time.time()))
def by_hand():
    return save_run(ExampleChallenge().run(entry), "by_hand", custom_metadata={}, path=results)
def block():
    with recorded_run("block", path=results) as r:
        ExampleChallenge().run(entry)
    return r.path_
for way in {"both": (by_hand, block), "block": (block,)}[sys.argv[3]]:
    note(way)
print(json.dumps(stored))
"""


def run_in_zone(folder: Path, zone: str, *program: str) -> list[tuple[float, Path, float]]:
    """Save runs in a process of another time zone; return the time before, the run folder and the time after."""
    (folder / "entry.py").write_text(PROGRAM, encoding="utf-8")
    arguments = program or ("0", "both")
    done = run_python(folder / "entry.py", folder / "results", *arguments, cwd=folder, env={"TZ": zone})
    return [(before, Path(path), after) for before, path, after in json.loads(done.stdout)]


def read(path: Path) -> dict[str, Any]:
    """Return the record of a run folder."""
    metadata: dict[str, Any] = json.loads((path / "metadata.json").read_text(encoding="utf-8"))
    return metadata


def offset_in_hours(text: str) -> float:
    """Return the offset from UTC that a text in ISO 8601 has."""
    offset = datetime.fromisoformat(text).utcoffset()
    assert offset is not None
    return offset / timedelta(hours=1)


def start_of_folder(path: Path) -> datetime:
    """Return the time in UTC that a folder's name says."""
    return datetime.strptime(path.name.removeprefix("_")[:15], "%Y%m%d_%H%M%S").replace(tzinfo=timezone.utc)


# Time zones


@HAS_TZSET
@pytest.mark.parametrize(
    ("zone", "offsets"),
    [
        ("Europe/Berlin", {1, 2}),
        ("America/Los_Angeles", {-8, -7}),
        ("UTC", {0}),
        ("XXX-5:45", {5.75}),  # written as in POSIX, which needs no data of zones
        ("CET-1CEST,M3.5.0,M10.5.0/3", {1, 2}),
    ],
)
def test_time_stamps_are_right_in_every_zone(tmp_path: Path, zone: str, offsets: set[float]) -> None:
    """Stamps are of POSIX time, texts have the local offset, and folders are named in UTC."""
    if "/" in zone.split(",")[0] and not Path("/usr/share/zoneinfo", zone).exists():
        pytest.skip("this machine has no data of time zones")
    for before, path, after in run_in_zone(tmp_path, zone):
        metadata = read(path)
        start, end = metadata["run_start_datetime_utc"], metadata["run_end_datetime_utc"]
        assert before <= start <= end <= after
        assert datetime.fromisoformat(metadata["run_start_datetime"]).timestamp() == pytest.approx(start, abs=1e-3)
        assert datetime.fromisoformat(metadata["run_end_datetime"]).timestamp() == pytest.approx(end, abs=1e-3)
        assert offset_in_hours(metadata["run_start_datetime"]) in offsets
        assert start_of_folder(path).timestamp() == int(start)
        assert metadata["runtime"] == pytest.approx(end - start, abs=10)  # a zone is hours away


def zone_that_changes(at: datetime, *, forward: bool) -> str:
    """Return a time zone, as POSIX writes it, whose daylight-saving time begins or ends at a moment of today."""
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = int((at - day).total_seconds()) + (0 if forward else 3600)  # the end is said in daylight-saving time
    change = f"{at.timetuple().tm_yday - 1}/{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    other = f"{(at.timetuple().tm_yday + 150) % 365}/2"
    return f"STD0DST,{change},{other}" if forward else f"STD0DST,{other},{change}"


@HAS_TZSET
@pytest.mark.parametrize("forward", [True, False], ids=["spring", "autumn"])
def test_a_run_across_a_daylight_saving_change(tmp_path: Path, forward: bool) -> None:
    """A run that starts before the clocks are changed and ends after it has the right start, end and runtime."""
    way = "forward" if forward else "back"
    for pause in ("2", "20", "200"):  # on a busy machine, the run may not have started when the change comes
        ((before, path, after),) = run_in_zone(tmp_path, "UTC", pause, "block", way)
        metadata = read(path)
        if metadata["run_start_datetime_utc"] < float((tmp_path / "change").read_text()):
            break
    start, end = metadata["run_start_datetime_utc"], metadata["run_end_datetime_utc"]
    assert before <= start < end <= after
    assert datetime.fromisoformat(metadata["run_start_datetime"]).timestamp() == pytest.approx(start, abs=1e-3)
    assert datetime.fromisoformat(metadata["run_end_datetime"]).timestamp() == pytest.approx(end, abs=1e-3)
    offsets = [offset_in_hours(metadata[key]) for key in ("run_start_datetime", "run_end_datetime")]
    assert offsets == ([0, 1] if forward else [1, 0])
    assert metadata["runtime"] == pytest.approx(end - start, abs=10)
    assert start_of_folder(path).timestamp() == int(start)


@HAS_TZSET
def test_runs_from_two_zones_are_in_the_order_of_time(tmp_path: Path) -> None:
    """A run in Los Angeles after one in Berlin is the later one, by stamp and by folder name."""
    (_, first, _) = run_in_zone(tmp_path, "CET-1CEST,M3.5.0,M10.5.0/3", "0", "block")[0]
    time.sleep(max(0.0, 1.05 - (time.time() - read(first)["run_start_datetime_utc"])))
    (_, second, _) = run_in_zone(tmp_path, "PST8PDT,M3.2.0,M11.1.0", "0", "block")[0]
    assert first.name < second.name
    assert read(first)["run_start_datetime_utc"] < read(second)["run_start_datetime_utc"]


@HAS_TZSET
def test_a_zone_that_changes_between_run_and_save_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that travels while a run computes stores the moment, not what a clock showed."""
    before = time.time()
    try:
        monkeypatch.setenv("TZ", "AAA-9")
        time.tzset()
        example = ExampleChallenge().run(1)
        monkeypatch.setenv("TZ", "BBB5")
        time.tzset()
        path = save_run(example, "entry", custom_metadata={}, path=tmp_path, use_git=False)
    finally:
        monkeypatch.undo()
        os.chdir(tmp_path)
        time.tzset()
    metadata = read(path)
    assert before <= metadata["run_start_datetime_utc"] <= time.time()
    assert datetime.fromisoformat(metadata["run_start_datetime"]).timestamp() == pytest.approx(
        metadata["run_start_datetime_utc"], abs=1e-3
    )
    assert start_of_folder(path).timestamp() == int(metadata["run_start_datetime_utc"])


# The clock


class _JumpingClock(datetime):
    """A wall clock that is set back by an hour each time that it is asked."""

    moment = datetime(2026, 3, 29, 12, tzinfo=timezone.utc)

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        cls.moment -= timedelta(hours=1)
        return cls.moment


def test_a_runtime_is_of_a_clock_that_never_jumps(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the wall clock is set back during a run, the runtime is right all the same."""
    monkeypatch.setattr(challenge, "datetime", _JumpingClock)
    clock = time.perf_counter()
    example = ExampleChallenge().run(lambda: time.sleep(0.05))
    total = time.perf_counter() - clock
    assert example.run_end_datetime_utc_timestamp_ < example.run_start_datetime_utc_timestamp_
    assert 0.05 <= example.runtime_ <= total


def test_the_times_of_a_challenge_are_kept_when_its_body_raises() -> None:
    """_measure_time sets start, end and runtime although the body raises, and the error goes on."""
    example, before = ExampleChallenge(), time.time()
    with pytest.raises(ZeroDivisionError):
        example.run(lambda: 1 / 0)
    start, end = example.run_start_datetime_utc_timestamp_, example.run_end_datetime_utc_timestamp_
    assert before - 1e-3 <= start <= end <= time.time()
    assert example.runtime_ >= 0
    assert datetime.fromisoformat(example.run_start_datetime_).timestamp() == pytest.approx(start, abs=1e-3)
    assert datetime.fromisoformat(example.run_end_datetime_).timestamp() == pytest.approx(end, abs=1e-3)
    assert datetime.fromisoformat(example.run_start_datetime_).tzinfo is not None


def test_measuring_again_replaces_all_times() -> None:
    """A second run leaves nothing of the times of the first."""
    example = ExampleChallenge().run(lambda: time.sleep(0.2))
    first, clock = RunTimes.of_challenge(example), time.perf_counter()
    example.run(1)
    total, second = time.perf_counter() - clock, RunTimes.of_challenge(example)
    assert first is not None
    assert second is not None
    assert second.start >= first.end
    assert second.runtime <= total


# Whose times count


class Unmeasured(BaseChallenge):
    """Runs without measuring its time."""

    VERSION = "1"

    def run(self, optimizer: Any = None) -> Any:
        time.sleep(0.05)
        return self

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "x").write_text("x")

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return None


class LikeGaitmapChallenges(Unmeasured):
    """Has the attributes, and the wrong time stamps, of gaitmap_challenges 0.1.0."""

    run_start_datetime_utc_timestamp_ = 1688635567.132161
    run_start_datetime_ = "2023-07-06T13:26:07.132165+02:00"
    end_start_datetime_utc_timestamp_ = 1688635662.229956
    end_start_datetime_ = "2023-07-06T13:27:42.229966+02:00"
    runtime_ = 95.09776929299994


class WithoutZone(Unmeasured):
    """Has times that do not say their zone, which mean nothing."""

    run_start_datetime_ = "2023-07-06T13:26:07"
    run_end_datetime_ = "2023-07-06T13:27:42"
    runtime_ = 95.0


class HalfMeasured(Unmeasured):
    """Has a start, but neither end nor runtime."""

    run_start_datetime_ = "2023-07-06T13:26:07+02:00"


def test_the_times_of_the_challenge_count_first(tmp_path: Path) -> None:
    """What the challenge measured is stored, not what the block took."""
    with recorded_run("entry", path=tmp_path, use_git=False) as r:
        example = ExampleChallenge().run(1)
        time.sleep(0.1)
    assert r.metadata_["timing_source"] == "challenge"
    assert r.metadata_["runtime"] == example.runtime_
    assert r.metadata_["run_start_datetime_utc"] == pytest.approx(example.run_start_datetime_utc_timestamp_, abs=1e-3)


@pytest.mark.parametrize("kind", [Unmeasured, WithoutZone, HalfMeasured])
def test_observed_times_count_where_the_challenge_has_none(tmp_path: Path, kind: type[Unmeasured]) -> None:
    """A challenge that measured nothing (or not all) has the times observed around its run."""
    before, clock = time.time(), time.perf_counter()
    with recorded_run("entry", path=tmp_path, use_git=False) as r:
        time.sleep(0.1)
        kind().run()
        time.sleep(0.1)
        total = time.perf_counter() - clock
    assert r.metadata_["timing_source"] == "observed"
    assert 0.05 <= r.metadata_["runtime"] <= total - 0.2
    assert before + 0.1 <= r.metadata_["run_start_datetime_utc"]


def test_the_times_of_the_block_count_last(tmp_path: Path) -> None:
    """A challenge that was named and not observed has the times of the block."""
    example = Unmeasured()
    with recorded_run("entry", challenge=example, path=tmp_path, use_git=False) as r:
        time.sleep(0.05)
    assert r.metadata_["timing_source"] == "block"
    assert r.metadata_["runtime"] >= 0.05
    assert start_of_folder(r.path_).timestamp() == int(r.metadata_["run_start_datetime_utc"])


def test_unknown_times_are_stored_as_unknown(tmp_path: Path) -> None:
    """save_run of a challenge whose run nobody saw stores null, and names the folder after the moment of saving."""
    before = int(time.time())
    unseen = Unmeasured()
    Unmeasured.run.__wrapped__(unseen)
    path = save_run(unseen, "entry", custom_metadata={}, path=tmp_path, use_git=False)
    metadata = read(path)
    keys = ["run_start_datetime", "run_start_datetime_utc", "run_end_datetime", "run_end_datetime_utc"]
    assert [metadata[key] for key in [*keys, "runtime", "timing_source"]] == [None] * 6
    assert before <= start_of_folder(path).timestamp() <= time.time()


def test_the_wrong_stamps_of_gaitmap_challenges_are_not_taken_over(tmp_path: Path) -> None:
    """Its texts in ISO 8601 are right, and are what counts."""
    path = save_run(LikeGaitmapChallenges(), "entry", custom_metadata={}, path=tmp_path, use_git=False)
    metadata = read(path)
    right = datetime.fromisoformat("2023-07-06T13:26:07.132165+02:00")
    assert metadata["run_start_datetime_utc"] == pytest.approx(right.timestamp(), abs=1e-3)
    assert datetime.fromisoformat(metadata["run_start_datetime"]) == right
    assert metadata["runtime"] == 95.09776929299994
    assert path.name == "_20230706_112607"


def test_each_run_of_one_object_keeps_its_own_times(tmp_path: Path) -> None:
    """Two runs of the same challenge in one block are stored with the times of each."""
    with recorded_run("entry", path=tmp_path, use_git=False) as r:
        example = Unmeasured()
        example.run()
        example.run()
    first, second = (read(path) for path in r.paths_)
    assert first["run_end_datetime_utc"] <= second["run_start_datetime_utc"]


def test_a_decorated_function_stores_the_observed_times(tmp_path: Path) -> None:
    """The decorator times as the block does."""

    @record_run(path=tmp_path, use_git=False)
    def entry() -> Any:
        time.sleep(0.1)
        return Unmeasured().run()

    clock = time.perf_counter()
    entry()
    total = time.perf_counter() - clock
    (path,) = tmp_path.glob("test_times.Unmeasured/1/entry/*")
    assert read(path)["timing_source"] == "observed"
    assert 0.05 <= read(path)["runtime"] <= total - 0.1


# Names of folders

# From 1970 to 9990, at any offset from UTC.
_MOMENTS = st.builds(
    lambda microseconds, minutes: (
        datetime.fromtimestamp(microseconds // 1_000_000, timezone.utc)
        + timedelta(microseconds=microseconds % 1_000_000)
    ).astimezone(timezone(timedelta(minutes=minutes))),
    st.integers(100_000_000_000, 253_000_000_000_000_000) | st.integers(1_790_000_000_000_000, 1_790_000_003_000_000),
    st.integers(-14 * 60, 14 * 60),
)


@given(_MOMENTS, _MOMENTS)
def test_the_order_of_names_is_the_order_in_time(first: datetime, second: datetime) -> None:
    """Two runs that are a second or more apart sort by their folder's name as they ran, whatever their zones."""
    names = run_folder_name(first), run_folder_name(second)
    seconds = int(first.timestamp() // 1), int(second.timestamp() // 1)
    assert (names[0] < names[1], names[0] == names[1]) == (seconds[0] < seconds[1], seconds[0] == seconds[1])


@given(_MOMENTS, st.sampled_from(["", "_", "debug-"]), st.integers(0, 20))
def test_a_name_says_the_start_to_the_second(moment: datetime, prefix: str, number: int) -> None:
    """The start can be read from the folder's name."""
    name = run_folder_name(moment, prefix=prefix, number=number)
    told = datetime.strptime(name.removeprefix(prefix)[:15], "%Y%m%d_%H%M%S").replace(tzinfo=timezone.utc)
    assert told == moment.astimezone(timezone.utc).replace(microsecond=0)


class Clocked:
    """A challenge without a base class, whose clock goes after, and that may store whole seconds."""

    VERSION = "1"

    def __init__(self, behind_s: float = 0, timespec: str = "microseconds") -> None:
        self.behind_s = behind_s
        self.timespec = timespec

    def now(self) -> str:
        return (datetime.now().astimezone() - timedelta(seconds=self.behind_s)).isoformat(timespec=self.timespec)

    def run(self, result: Any) -> Clocked:
        clock = time.perf_counter()
        self.run_start_datetime_ = self.now()
        self.result_ = result
        self.run_end_datetime_ = self.now()
        self.runtime_ = time.perf_counter() - clock
        return self

    def save_core_results(self, folder_path: Path) -> None:
        (folder_path / "result.json").write_text(json.dumps(self.result_))

    @classmethod
    def load_core_results(cls, folder_path: Path) -> Any:
        return json.loads((folder_path / "result.json").read_text())


CLOCKS = {"whole seconds": Clocked(0, "seconds"), "behind": Clocked(1800), "both": Clocked(1800, "seconds")}


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
@pytest.mark.parametrize("way", ["returned", "argument", "frame", "run before, too"])
def test_the_order_of_wall_clock_times_costs_no_challenge(way: str, clock: Clocked, tmp_path: Path) -> None:
    """A challenge whose times end before the block began, by whatever clock, is saved if it ran in the block."""
    challenge = Clocked(clock.behind_s, clock.timespec)
    if way == "returned":
        record_run("entry", path=tmp_path, use_git=False)(lambda: Clocked(clock.behind_s, clock.timespec).run(1))()
    elif way == "argument":
        record_run("entry", path=tmp_path, use_git=False)(lambda given: given.run(1) and None)(challenge)
    else:
        if way == "run before, too":
            challenge.run(0)
        with recorded_run("entry", path=tmp_path, use_git=False):
            challenge.run(1)
    (path,) = tmp_path.glob("*/*/entry/*")
    assert Clocked.load_core_results(path / "results") == 1


class Study:
    """Has its challenge as an attribute."""

    def __init__(self) -> None:
        self.challenge = Clocked(0)

    def in_a_block(self, path: Path) -> None:
        with recorded_run("entry", path=path, use_git=False):
            self.challenge.run(1)

    def decorated(self, path: Path) -> None:
        record_run("entry", path=path, use_git=False)(Study.run)(self)

    def run(self) -> None:
        self.challenge.run(1)


@pytest.mark.parametrize("way", ["list", "dictionary", "keyword", "attribute", "attribute, decorated"])
def test_a_challenge_that_the_code_around_only_holds(way: str, tmp_path: Path) -> None:
    """What nobody observed, and what measured its time in the block, is saved wherever it is within reach."""
    block = {"path": tmp_path, "use_git": False}
    if way in ("list", "dictionary"):
        with recorded_run("entry", **block):
            held = [Clocked(0).run(1)] if way == "list" else {"a": Clocked(0).run(1)}
        assert len(held) == 1
    elif way == "keyword":
        record_run("entry", **block)(lambda number, given: given.run(number) and None)(1, given=Clocked(0))
    else:
        (Study().in_a_block if way == "attribute" else Study().decorated)(tmp_path)
    (path,) = tmp_path.glob("*/*/entry/*")
    assert Clocked.load_core_results(path / "results") == 1


class ClosedFile(dict[str, Any]):
    """A collection of another class, whose content cannot be read."""

    def values(self) -> Any:
        raise OSError("the file is closed")


def test_a_loop_over_challenges_that_nobody_observes_loses_none(tmp_path: Path) -> None:
    """The variable of the loop holds the last one only: all of them are kept, and the error names the folders."""
    challenges = [Clocked(0) for _ in range(3)]
    closed = ClosedFile()
    before = [Clocked(0).run("before")]
    with pytest.raises(AmbiguousChallengeError) as raised, recorded_run("entry", path=tmp_path, use_git=False):
        for number, challenge in enumerate(challenges):
            challenge.run(number)
    assert len(before) == 1
    assert isinstance(closed, dict)
    assert sorted(Clocked.load_core_results(path / "results") for path in raised.value.paths) == [0, 1, 2]


def test_a_challenge_that_ran_before_is_not_this_one(tmp_path: Path) -> None:
    """What keeps its times since before the block did not run in it, and is not what a function returns either."""
    before = Clocked(5).run(1)
    with pytest.raises(NoChallengeError), recorded_run("entry", path=tmp_path, use_git=False):
        pass
    with pytest.raises(NoChallengeError):
        record_run("entry", path=tmp_path, use_git=False)(lambda: before)()
    assert list(tmp_path.glob("*/*/entry")) == []


def test_whole_seconds_of_a_run_that_is_observed(tmp_path: Path) -> None:
    """Times in whole seconds, which lie before what was observed, are the challenge's own all the same."""

    class Whole(BaseChallenge):
        VERSION = "1"
        now = Clocked.now
        behind_s, timespec = 0, "seconds"
        run = Clocked.run
        save_core_results = Clocked.save_core_results
        load_core_results = Clocked.load_core_results

    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        challenge = Whole().run(1)
    assert recorder.metadata_["timing_source"] == "challenge"
    assert (
        recorder.metadata_["run_start_datetime_utc"]
        == datetime.fromisoformat(challenge.run_start_datetime_).timestamp()
    )
