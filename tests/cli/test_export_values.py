"""What authors stored, in exported files: every value can be read back as it was."""

from __future__ import annotations

import csv
import json

import pytest
from command import in_process
from run_folders import write_run

BIG = 2**53 + 1
COLUMNS = {
    "gaps": [BIG, ..., None],
    "wide": [2**64 - 1, -1, ...],
    "unsigned": [2**64 - 1, ..., 1],
    "huge": [10**400, 1, ...],
    "mixed": [BIG, "text", [BIG]],
    "halves": [BIG, 0.5, ...],
    "flags": [True, ..., False],
}


@pytest.fixture
def results(tmp_path):
    """Return a results folder with a run for each row of the columns."""
    for number in range(3):
        custom = {name: values[number] for name, values in COLUMNS.items() if values[number] is not ...}
        write_run(tmp_path / "results", f"e{number}", custom=custom)
    return tmp_path / "results"


def exported(results, name, *options):
    """Export the runs and return the file, and what was said."""
    target = results.parent / name
    done = in_process("export", results, "--to", target, *options)
    assert done.code == 0, done.err
    return target, done.err


def known(values):
    """Return the values with None for a gap."""
    return [None if value is ... else value for value in values]


@pytest.mark.parametrize("name", COLUMNS)
def test_parquet_keeps_integers(name, results):
    """A column of integers with gaps is a column of integers; what no type holds is text, and exact."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(exported(results, "runs.parquet")[0])
    read = table.column(f"custom.{name}").to_pylist()
    kind = str(table.schema.field(f"custom.{name}").type)
    expected = known(COLUMNS[name])
    if name in ("gaps", "unsigned", "flags"):
        assert (read, kind) == (expected, {"gaps": "int64", "unsigned": "uint64", "flags": "bool"}[name])
    else:
        assert "string" in kind
        as_text = [value if value is None or isinstance(value, str) else json.dumps(value) for value in expected]
        assert read == as_text


def test_csv_and_json_keep_integers(results):
    """Integers have all their digits in CSV and JSON, however many there are."""
    with exported(results, "runs.csv")[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["custom.gaps"] for row in rows] == [str(BIG), "", ""]
    assert [row["custom.huge"] for row in rows] == [str(10**400), "1", ""]
    rows = json.loads(exported(results, "runs.json")[0].read_text(encoding="utf-8"))
    assert [row.get("custom.wide") for row in rows] == [2**64 - 1, -1, None]


@pytest.mark.parametrize("text", ["first\rsecond", "\r", "a\r\nb", "a\nb", 'quoted "x", y', "  ", "\ttab", "ü\u2028x"])
def test_any_text_comes_back_from_csv(text, tmp_path):
    """One row for each run, and the text of a field unchanged, on every version of Python."""
    write_run(tmp_path / "results", "a", custom={"note": text, "key\rwith": 1})
    write_run(tmp_path / "results", "b", custom={"note": "plain"})
    with exported(tmp_path / "results", "runs.csv")[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["custom.note"] for row in rows] == [text, "plain"]
    assert rows[0]["custom.key\rwith"] == "1"


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_formulas_are_told_and_stay_as_they_are(text, tmp_path):
    """A text that a spreadsheet would run is written unchanged, and its column is named."""
    write_run(tmp_path / "results", "a", custom={"note": text})
    file, said = exported(tmp_path / "results", "runs.csv")
    assert "custom.note for formulas" in said
    with file.open(newline="", encoding="utf-8") as stream:
        assert next(csv.DictReader(stream))["custom.note"] == text


@pytest.mark.parametrize("value", ["plain", "-1.5", "+3", -4, "a=b", "", ["=1"]])
def test_what_is_no_formula_is_not_told(value, tmp_path):
    """Numbers, also as text, and formulas inside of a field do no harm."""
    write_run(tmp_path / "results", "a", custom={"note": value})
    assert "spreadsheet" not in exported(tmp_path / "results", "runs.csv")[1]


def test_parameters_and_other_keys_on_request(tmp_path):
    """--parameters adds a column for each parameter, --column one for a key of the metadata, gaps where it has none."""
    pipeline = {"class": "a.P", "parameters": {"algo__seed": BIG}}
    write_run(tmp_path / "results", "a", parameters={"pipeline": pipeline}, system_info={"os": {"system": "Linux"}})
    write_run(tmp_path / "results", "b")
    file, _ = exported(tmp_path / "results", "runs.json", "--parameters", "--column", "system_info.os.system")
    first, second = json.loads(file.read_text())
    assert (first["pipeline.algo__seed"], first["system_info.os.system"]) == (BIG, "Linux")
    assert (second["pipeline.algo__seed"], second["system_info.os.system"]) == (None, None)


def test_the_columns_have_the_names_of_every_table(tmp_path):
    """List --json, export and the data frame call a fact by one name."""
    pytest.importorskip("pandas")
    from gaitmap_results import get_all_result_paths, get_metadata_as_df

    run = write_run(tmp_path / "results", "a", custom={"note": "x"})
    (listed,) = json.loads(in_process("list", tmp_path / "results", "--json").out)
    (row,) = json.loads(exported(tmp_path / "results", "runs.json")[0].read_text())
    frame = get_metadata_as_df(get_all_result_paths("gait_lab.Challenge", tmp_path / "results"))
    common = {"entry_name", "runtime", "git_commit_hash", "kind", "is_debug_run", "debug_reasons", "withdrawn", "path"}
    assert common <= set(listed)
    assert common <= set(row)
    assert common <= set(frame.columns)
    assert set(listed) - {"scores"} <= set(row)
    assert row["path"] == run.relative_to(tmp_path / "results").as_posix()
