"""What the command `run` tells: bars that do not fight over a line, and a table that cuts no path."""

from __future__ import annotations

import pytest
from command import at_terminal, piped

STUDY = """
from tqdm import tqdm
from gaitmap_results import BaseChallenge, Entry

class Folds(BaseChallenge):
    VERSION = "1.0.0"
    def run(self, n): self.n_ = sum(tqdm(range(n), desc="CV Folds"))
    def save_core_results(self, folder): (folder / "n.txt").write_text(str(self.n_))
    @classmethod
    def load_core_results(cls, folder): return (folder / "n.txt").read_text()

ENTRIES = [Entry("a", Folds(), 3, path="a_results_folder_with_a_long_name", use_git=False)]
"""


@pytest.mark.parametrize(("options", "of_entries", "of_suite"), [([], True, False), (["--workers", "2"], False, True)])
def test_one_bar_at_a_time(options, of_entries, of_suite, tmp_path, monkeypatch):
    """A single entry draws its own bars; where several may run, there is one for all of them. Paths are never cut."""
    pytest.importorskip("tqdm")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study_of_folds.py").write_text(STUDY)
    done = at_terminal("run", "study_of_folds.py", *options, columns=60)
    assert done.code == 0, done.out
    assert ("CV Folds" in done.out, "━" in done.out) == (of_entries, of_suite)
    assert done.lines[-1].split()[:2] == ["a", "recorded"]
    assert done.lines[-1].endswith(str(next(tmp_path.glob("*/*/*/*/*/metadata.json")).parent))


def test_damaged_scores_of_a_skipped_run(tmp_path, monkeypatch):
    """Scores of a run of another day that cannot be read leave out its score in the table, and end nothing."""
    pytest.importorskip("tqdm")
    monkeypatch.chdir(tmp_path)
    study = STUDY.replace("use_git=False", "use_git=False, debug_run=False")
    (tmp_path / "study_of_scores.py").write_text(study)
    command = ("run", "study_of_scores.py", "--skip", "recorded")
    first = piped(*command)
    assert first.code == 0, first.err
    (run,) = (path.parent for path in tmp_path.glob("*/*/*/*/*/metadata.json"))
    assert first.err.splitlines()[-1].endswith(f", {run}")
    (run / "scores.json").write_text("{")
    again = piped(*command)
    assert (again.code, "Error" in again.err) == (0, False), again.err
    assert again.lines[-1].split()[:2] == ["a", "skipped"]
    assert again.lines[-1].endswith(str(run))
    (line,) = (line for line in again.err.splitlines() if line.startswith("[1/1]"))
    assert str(run) not in line
