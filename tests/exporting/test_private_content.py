"""What is private in runs stops a bundle, and the error says where it stands without repeating secrets."""

from __future__ import annotations

import json
import pickle

import pytest
from exported_runs import add_manifest, write_whole_run

from gaitmap_results import write_bundle
from gaitmap_results.exceptions import PrivateContentError

TOKEN = "ghp_" + "a1B2" * 9
HOW = {"license": "CC-BY-4.0", "authors": "Ada Lovelace"}


@pytest.fixture(autouse=True)
def user(monkeypatch):
    """Make this process one of the user `mmuster`, whose home folder has an unusual place."""
    monkeypatch.setenv("HOME", "/srv/people/mm")
    monkeypatch.setenv("USERPROFILE", "/srv/people/mm")
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "mmuster")


def findings_of(run, tmp_path):
    """Return what a bundle of a run is refused for: without the run's folder, the file, the place and what it is."""
    add_manifest(run)
    with pytest.raises(PrivateContentError) as caught:
        write_bundle(run, tmp_path / "x.zip", **HOW)
    assert not (tmp_path / "x.zip").exists()
    assert pickle.loads(pickle.dumps(caught.value)).findings == caught.value.findings
    assert TOKEN not in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return [(file.partition(f"{run.name}/")[2], *rest) for file, *rest in caught.value.findings]


@pytest.mark.parametrize(
    ("changes", "place", "what"),
    [
        ({"cwd": "/home/ana/study"}, "cwd", "/home/ana"),
        ({"cwd": "/Users/ana"}, "cwd", "/Users/ana"),
        ({"config": {"cache": r"C:\Users\ana\cache"}}, "config.cache", r"C:\Users\ana"),
        ({"repr_pipeline": "A(memory='/srv/people/mm/cache')"}, "repr_pipeline", "/srv/people/mm/cache"),
        ({"config": {"tmp": ["/scratch/x", "/scratch/mmuster/t"]}}, "config.tmp[1]", "mmuster"),
        ({"orig_argv": ["file:///home/ana/x.py"]}, "orig_argv[0]", "/home/ana"),
        ({"config": {"user": "mmuster"}}, "config.user", "mmuster"),
        ({"config": {"api_token": "hunter2hunter2"}}, "config.api_token", "secret"),
        ({"repr_dataset": "Data(password='hunter2')"}, "repr_dataset", "secret"),
        ({"command": ["run.py", "--note", TOKEN]}, "command[2]", "secret"),
        ({"config": {f"x {TOKEN}": 1}}, "config.x <redacted>", "secret"),
        ({"git": {"remote": f"https://me:{TOKEN}@example.org/x.git"}}, "git.remote", "secret"),
    ],
)
def test_places_in_a_record(tmp_path, changes, place, what):
    """A path of a home folder, a user name and a secret are told by their key in metadata.json."""
    (found,) = findings_of(write_whole_run(tmp_path / "results", **changes), tmp_path)
    assert found[:2] == ("metadata.json", place)
    assert what in found[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"cwd": "~/study", "caller_file_path": "../entry.py", "git_base_dir": "/tmp/x/study"},
        {"config": {"tmp": "/scratch/<user>/t", "home": "/home/<user>/x", "token": None, "n_tokens": "12"}},
        {"repr_pipeline": "A(low_pass=12, password='<redacted>', api_key=None)", "command": ["--token", "<redacted>"]},
        {"repr_dataset": 'D({"token": "<redacted>"})', "git": {"remote": "https://example.org/mmuster/study.git"}},
        {"config": {"url": "https://example.org/home/news", "x": "mmuster2/y", "z": "/data/Users"}},
        {"config": {"deep": "../../data/lab"}},
    ],
)
def test_what_is_not_private(tmp_path, changes):
    """What was redacted, is a public address, or only looks alike is no reason to refuse."""
    write_bundle(write_whole_run(tmp_path / "results", **changes), tmp_path / "x.zip", **HOW)


def test_places_in_other_files(tmp_path):
    """Results, the author's files, custom metadata and withdrawals are looked through, texts line by line."""
    run = write_whole_run(tmp_path / "results")
    (run / "custom_metadata.json").write_text(json.dumps({"data": {"from": "/home/ana/lab"}}))
    (run / "results" / "log.txt").write_text(f"start\nread /home/ana/a.csv\npassword=hunter2\nok\n{TOKEN}")
    (run / "results" / "notes.json").write_text("{not json: /home/ana}\n")
    (run / "files").mkdir()
    (run / "files" / "model.bin").write_bytes(b"\0\1/home/ana/model\0" + TOKEN.encode())
    (run / "files" / "windows.txt").write_bytes("/home/ana/x".encode("utf-16"))
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"
    (run / "files" / "key.pem").write_text(f"a key\n{key}\n")
    found = {(file, place) for file, place, _ in findings_of(run, tmp_path)}
    assert found == {
        ("custom_metadata.json", "data.from"),
        *(("results/log.txt", f"line {number}") for number in (2, 3, 5)),
        ("results/notes.json", "line 1"),
        ("files/model.bin", "in its bytes"),
        ("files/windows.txt", "in its bytes"),
        ("files/key.pem", "line 2"),
    }


def test_a_private_path_beside_a_web_address(tmp_path):
    """A home folder is private wherever it stands; the part of an address that only looks like one is not."""
    run = write_whole_run(tmp_path / "results")
    table = run / "results" / "sources.csv"
    public = "https://example.org/home/berta/a.csv,1\nhttps://example.org/x/Users/ana,2\nhttps://git.org/mmuster/a,3\n"
    table.write_text(public)
    write_bundle(add_manifest(run), tmp_path / "public.zip", **HOW)
    private = ("/home/berta/a.csv", "/Users/ana/a.csv", "/srv/people/mm/a.csv")
    table.write_text(public + "".join(f"https://example.org,{path}\n" for path in private))
    found = findings_of(run, tmp_path)
    assert [place for _, place, _ in found] == ["line 4", "line 5", "line 6"]
    assert [what.partition(", ")[2][:10] for *_, what in found] == [path[:10] for path in private]


def test_large_files_are_read_in_pieces(tmp_path, monkeypatch):
    """Lines are counted over the borders of what is read at once, and a path across a border is found."""
    monkeypatch.setattr("gaitmap_results.exporting.private_content._CHUNK_BYTES", 50)
    monkeypatch.setattr("gaitmap_results.exporting.private_content._OVERLAP", 20)
    run = write_whole_run(tmp_path / "results")
    (run / "results" / "a.txt").write_text("x" * 30 + "\n" + "1;2;3\n" * 100 + "/home/ana/x\n" + "2\n" * 40)
    (run / "results" / "b.bin").write_bytes(b"\0" * 45 + b"/home/ana/x" + b"\0" * 200)
    found = findings_of(run, tmp_path)
    assert [(file, place) for file, place, _ in found] == [
        ("results/a.txt", "line 102"),
        ("results/b.bin", "in its bytes"),
    ]


def test_a_failed_run_is_looked_through_too(tmp_path):
    """What would be told of an unfinished run is not told where it is private."""
    results = tmp_path / "results"
    write_whole_run(results)
    journal = results / ".unfinished" / "7d830c47-9c18-4e4b-b637-81e881078404" / "journal.json"
    journal.parent.mkdir(parents=True)
    error = {"type": "OSError", "message": "no file /home/ana/x.csv"}
    content = {"schema_version": 1, "run_id": journal.parent.name, "status": "failed", "error": error}
    journal.write_text(json.dumps(content))
    write_bundle(results, tmp_path / "without.zip", **HOW)
    with pytest.raises(PrivateContentError, match=r"ro-crate-metadata\.json, .*error: .*/home/ana"):
        write_bundle(results, tmp_path / "x.zip", **HOW, unfinished=True)
    write_bundle(results, tmp_path / "x.zip", **HOW, unfinished=True, allow_private=True)
