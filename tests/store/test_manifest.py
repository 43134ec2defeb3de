"""The manifest of a run: `sha256sum` accepts it, it names every file, and nothing outside of the run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from challenges import ExampleChallenge
from hypothesis import given
from hypothesis import strategies as st

from gaitmap_results import save_run
from gaitmap_results.store.manifest import manifest_content, parse_manifest

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="needs the file names of POSIX")
SHA256SUM = pytest.mark.skipif(shutil.which("sha256sum") is None, reason="there is no sha256sum here")
DIGEST = "0" * 64

ODD_NAMES = [
    b"plain.txt",
    b"with space",
    b" leading",
    b"trailing ",
    b"*star",
    b"-dash",
    b"#comment",
    b"back\\slash",
    b"\\leading backslash",
    b"line\nbreak",
    b"carriage\rreturn",
    b"ends in return\r",
    b"both\\n\n",
    b"\xff\xfe no UTF-8",
    "ü 漢 🦶".encode(),
    b"quo\"te's",
    b"tab\t",
]


class WithOddFiles(ExampleChallenge):
    """Writes files with every kind of name, below one another, and links."""

    def save_core_results(self, folder_path: Path) -> None:
        folder = folder_path / "tables" / "deep er"
        folder.mkdir(parents=True)
        for number, name in enumerate(ODD_NAMES):
            (folder / os.fsdecode(name)).write_bytes(b"content %d" % number)
        (folder_path / "empty").write_bytes(b"")
        (folder_path / "journal.json").write_text("the challenge's own")
        (folder_path / "MANIFEST.sha256").write_text("the challenge's own")
        (folder_path / "link").symlink_to("empty")
        (folder_path / "link to a folder").symlink_to("tables", target_is_directory=True)
        (folder_path / "link to nowhere").symlink_to("gone")
        (folder_path / "link out").symlink_to("/etc", target_is_directory=True)


def files_of(folder: Path) -> dict[str, str]:
    """Return the hash of every real file below a folder but its manifest, found and computed without our code."""
    found = {}
    for top, _, names in os.walk(folder):
        for path in (Path(top, name) for name in names):
            if not path.is_symlink() and path != folder / "MANIFEST.sha256":
                found[path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.fixture
def odd_run(tmp_path: Path) -> Path:
    """Give a run whose results have odd names."""
    challenge = WithOddFiles().run(1)
    return save_run(challenge, "entry ü", custom_metadata={}, path=tmp_path / "results", use_git=False)


@ON_POSIX
def test_every_real_file_is_listed_with_its_hash(odd_run: Path) -> None:
    """The manifest names each file of the run but itself, however it is called; links are left out."""
    listed = list(parse_manifest((odd_run / "MANIFEST.sha256").read_bytes()))
    assert dict(listed) == files_of(odd_run)
    assert len(listed) == len(dict(listed)) == len(ODD_NAMES) + 5
    assert "results/MANIFEST.sha256" in dict(listed)


@ON_POSIX
@SHA256SUM
def test_sha256sum_accepts_the_manifest(odd_run: Path) -> None:
    """`sha256sum -c --strict MANIFEST.sha256` finds every file as it was."""
    command = ["sha256sum", "--check", "--strict", "MANIFEST.sha256"]
    done = subprocess.run(command, cwd=odd_run, capture_output=True, check=False)
    assert done.returncode == 0, done
    assert done.stdout.count(b": OK\n") == len(files_of(odd_run))


@ON_POSIX
@SHA256SUM
def test_sha256sum_notices_a_change(odd_run: Path) -> None:
    """A changed and a missing file make the check fail."""
    (odd_run / "results" / "empty").write_text("no more")
    (odd_run / "metadata.json").unlink()
    done = subprocess.run(["sha256sum", "--check", "MANIFEST.sha256"], cwd=odd_run, capture_output=True, check=False)
    assert done.returncode != 0
    assert b"results/empty: FAILED" in done.stdout
    assert b"metadata.json: FAILED" in done.stdout


@ON_POSIX
@SHA256SUM
def test_what_sha256sum_writes_is_read(odd_run: Path) -> None:
    """The manifests of sha256sum itself, in both of its modes, say the same to us."""
    names = sorted(files_of(odd_run))
    for options in ([], ["--binary"]):
        done = subprocess.run(["sha256sum", *options, "--", *names], cwd=odd_run, capture_output=True, check=True)
        assert dict(parse_manifest(done.stdout)) == files_of(odd_run)


def test_the_manifest_is_the_same_each_time(tmp_path: Path) -> None:
    """Two folders with the same files have the same manifest, byte by byte."""
    for name in ("one", "two"):
        (tmp_path / name / "results").mkdir(parents=True)
        for file in ("b", "a", "results/c") if name == "one" else ("results/c", "a", "b"):
            (tmp_path / name / file).write_text(file)
    assert manifest_content(tmp_path / "one") == manifest_content(tmp_path / "two")


def test_excluded_names_are_those_directly_in_the_folder(tmp_path: Path) -> None:
    """The journal of an unfinished run is left out, a file of that name among the results is not."""
    (tmp_path / "results").mkdir()
    for file in ("journal.json", "results/journal.json"):
        (tmp_path / file).write_text("x")
    listed = dict(parse_manifest(manifest_content(tmp_path, exclude={"journal.json"})))
    assert set(listed) == {"results/journal.json"}


@pytest.mark.parametrize(
    "name",
    [b"/etc/passwd", b"../x", b"a/../../x", b"..", b"a/..", b"//host/x", b"a\0b"],
    ids=ascii,
)
def test_a_name_outside_of_the_run_is_refused(name: bytes) -> None:
    """A manifest that somebody sends must not make us read other files."""
    with pytest.raises(ValueError, match=r"line 1 .* not in the run folder"):
        list(parse_manifest(DIGEST.encode() + b"  " + name + b"\n"))


def test_an_escaped_name_outside_of_the_run_is_refused() -> None:
    """Escaping hides no way out."""
    with pytest.raises(ValueError, match="not in the run folder"):
        list(parse_manifest(b"\\" + DIGEST.encode() + b"  ../a\\nb\n"))


@pytest.mark.parametrize(
    "line", [b"no line", b"0" * 63 + b"  x", b"0" * 64, b"0" * 64 + b" x", b"0" * 64 + b"  ", b"G" * 64 + b"  x"]
)
def test_a_line_of_another_form_is_refused_with_its_number(line: bytes) -> None:
    """What is no manifest is not taken for an empty one."""
    with pytest.raises(ValueError, match="line 2"):
        list(parse_manifest(DIGEST.encode() + b"  fine\n" + line + b"\n"))


def test_line_ends_of_windows_are_read() -> None:
    """A manifest that was checked out with other line ends says the same."""
    assert list(parse_manifest(f"{DIGEST}  a b\r\n{DIGEST} *c\r\n".encode())) == [("a b", DIGEST), ("c", DIGEST)]


@ON_POSIX
@given(st.lists(st.binary(min_size=1, max_size=8).filter(lambda name: not set(name) & {0, ord("/")}), unique=True))
def test_every_name_survives_the_manifest(names: list[bytes]) -> None:
    """Whatever bytes a file's name has, it is read as it was written."""
    from gaitmap_results.store.manifest import checksum_line

    names = [name for name in names if name not in (b".", b"..")]
    content = b"".join(checksum_line(DIGEST, os.fsdecode(name)) for name in names)
    assert [os.fsencode(name) for name, _ in parse_manifest(content)] == names
    assert content.count(b"\n") == len(names)
