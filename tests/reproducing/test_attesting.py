"""What is stored about a reproduction: a Statement that others can check, told wherever the run is shown."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess

import pytest
from challenges import ExampleChallenge
from click.testing import CliRunner

from gaitmap_results import get_metadata_as_df, recorded_run
from gaitmap_results.cli import main
from gaitmap_results.reading.index import read_summary
from gaitmap_results.reproducing.attesting import attest
from gaitmap_results.reproducing.judging import judge
from gaitmap_results.reproducing.record import RecordedRun
from gaitmap_results.store.json_files import read_json


@pytest.fixture
def runs(tmp_path):
    """Return a function that stores a run of the same entry with a result."""

    def store(result):
        with recorded_run("entry", path=tmp_path / "results", use_git=False) as recorder:
            ExampleChallenge().run(result)
        return recorder.path_

    return store


def attested(run, other, lock=None, when="2026-11-25T21:00:00+00:00"):
    """Store the judgement about two runs as that of a reproduction."""
    record = RecordedRun.read(read_summary(str(run)))
    judgement = judge(record, other, 1e-5)
    return attest(record, judgement, {"verdict": judgement.verdict, "reproduced": when}, lock)


def test_the_statement_is_valid_for_in_toto(runs):
    """in-toto's own library takes the Statement, its subject and its predicate, and knows every key of them."""
    library = pytest.importorskip("in_toto_attestation.v1.statement")
    from google.protobuf import json_format
    from in_toto_attestation.predicates.test_result.v0.test_result_pb2 import TestResult
    from in_toto_attestation.v1 import resource_descriptor, statement_pb2

    run = runs(1)
    for other, result in ((run, "PASSED"), (runs(2), "FAILED")):
        file = attested(run, other, "lock-version = '1.0'\n")
        parsed = json_format.Parse(file.read_text(encoding="utf-8"), statement_pb2.Statement())
        library.Statement.copy_from_pb(parsed).validate()
        content = read_json(file)
        predicate = json_format.ParseDict(content["predicate"], TestResult())
        assert predicate.result == result
        for each in predicate.configuration:
            resource_descriptor.ResourceDescriptor.copy_from_pb(each).validate()
        assert content["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
        (subject,) = content["subject"]
        digest = hashlib.sha256((run / "MANIFEST.sha256").read_bytes()).hexdigest()
        assert subject["digest"] == {"sha256": digest}
        assert subject["name"].endswith(f"/1.0.0/entry/{run.name}/MANIFEST.sha256")
    assert content["predicate"]["failedTests"] == ["results/result.json: result []"]


def test_the_statement_pins_what_lies_beside_it(runs):
    """Who signs the Statement signs figures and lock, too; that the lock pins what was rebuilt is said."""
    run = runs(1)
    file = attested(run, run, "lock-version = '1.0'\n")
    configuration = {each["name"]: each for each in read_json(file)["predicate"]["configuration"]}
    for name in ("figures.json", "pylock.toml"):
        digest = hashlib.sha256((file.parent / name).read_bytes()).hexdigest()
        assert configuration[name]["digest"] == {"sha256": digest}
    assert "not the files that the recorded run used" in configuration["pylock.toml"]["annotations"]["about"]


def test_every_reproduction_is_kept_and_the_last_one_told(runs):
    """A second one replaces nothing; list, show and the table of runs tell the verdict that came last."""
    run, other = runs(1), runs(1.5)
    first = attested(run, other, "a", when="2026-11-25T21:00:00+00:00")
    content = first.read_bytes()
    second = attested(run, run, "b", when="2026-11-25T22:00:00+00:00")
    assert (first.name, second.name, first.read_bytes()) == ("reproduction.json", "reproduction.1.json", content)
    assert (second.parent / "pylock.1.toml").read_text() == "b"
    results = run.parents[3]
    listed = json.loads(CliRunner().invoke(main, ["list", str(results), "--json"]).stdout)
    assert {each["path"]: each["reproduced"] for each in listed} == {str(run): "bitwise", str(other): None}
    assert json.loads(CliRunner().invoke(main, ["show", str(run), "--json"]).stdout)["reproduced"] == "bitwise"
    assert "Reproduced  bitwise" in CliRunner().invoke(main, ["show", str(run)]).stdout
    assert "debug, reproduced" in CliRunner().invoke(main, ["list", str(results)]).stdout
    attested(run, other, when="2026-11-25T23:00:00+00:00")
    assert "debug, differs" in CliRunner().invoke(main, ["list", str(results)]).stdout
    pytest.importorskip("pandas")
    assert get_metadata_as_df({("entry",): [run]})["reproduced"].tolist() == ["differs"]


def test_figures_that_cannot_be_read_are_no_verdict(runs):
    """What is half written, or not ours, is left out and stops no listing."""
    run = runs(1)
    file = attested(run, run)
    for content in ("{", "[]", '{"verdict": "perfect"}'):
        (file.parent / "figures.json").write_text(content)
        assert json.loads(CliRunner().invoke(main, ["show", str(run), "--json"]).stdout)["reproduced"] is None


def test_a_run_in_no_results_folder_has_no_place_for_it(runs, tmp_path):
    """The run folder itself is never written to."""
    run = runs(1)
    before = sorted(path.name for path in run.rglob("*"))
    attested(run, run)
    assert sorted(path.name for path in run.rglob("*")) == before
    (run / "MANIFEST.sha256").unlink()
    assert attested(run, run) is None


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_a_statement_is_signed_and_verified_with_one_line(runs, tmp_path):
    """The two commands of the documentation work; a Statement that was changed does not verify."""
    run = runs(1)
    file = attested(run, run)
    key = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    (tmp_path / "allowed_signers").write_text(f"ana@example.org {key.with_suffix('.pub').read_text()}")
    sign = ["ssh-keygen", "-Y", "sign", "-n", "gaitmap_results", "-f", str(key), str(file)]
    subprocess.run(sign, check=True, capture_output=True)
    verify = ["ssh-keygen", "-Y", "verify", "-n", "gaitmap_results", "-f", str(tmp_path / "allowed_signers")]
    verify += ["-I", "ana@example.org", "-s", f"{file}.sig"]
    content = file.read_bytes()
    codes = [
        subprocess.run(verify, input=each, check=False, capture_output=True).returncode
        for each in (content, content.replace(b"PASSED", b"FAILED"))
    ]
    assert codes[0] == 0
    assert codes[1] != 0
