"""What a stored run must not tell: secrets, and, where paths are stored relative to a folder, home and user."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

import pytest
from challenges import ExampleChallenge
from git_repository import GitRepository
from hypothesis import assume, example, given
from hypothesis import strategies as st
from processes import python_environment, run_python

from gaitmap_results import recorded_run
from gaitmap_results.store.privacy import Redactor, redact_url, user_names
from gaitmap_results.store.secrets_in_text import secret_values

ON_POSIX = pytest.mark.skipif(os.name == "nt", reason="plays a home folder of POSIX")

TOKEN = "sk-live-51H8xPq"
PASSWORD = "hunter2-hunter2"
BASE64 = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYKEY"

# A user's script whose paths, and texts with paths in them, reach the home folder by every route.
PROGRAM = '''
import os, sys
from pathlib import Path
from urllib.parse import quote

from challenges import ExampleChallenge
from gaitmap_results import LocalConfig, record_run, recorded_run, save_run, set_config

home = os.environ["HOME"]
top = os.path.dirname(os.path.dirname(home))
link = os.path.join(top, "link")  # leads to the home folder
scratch = os.path.join(top, "scratch", "alice")


class Memory:
    """Shows itself as joblib's does."""

    def __init__(self, location):
        self.location = location

    def __repr__(self):
        return f"Memory(location={self.location})"


class Dataset:
    def __repr__(self):
        return "\\n".join([
            home, home + "/", os.path.realpath(home), link + "/data", repr(Path(home) / "data"), repr(Memory(home)),
            "file://" + home + "/data", quote(home + "/my data"), quote(home, safe=""), quote(home, safe="").lower(),
            os.path.relpath(home), os.path.relpath(home, "/usr/lib"), "../" * 40 + home.lstrip("/"),
            os.path.join(home, "..", "alice", "x"), home.replace("/", "//"), "PYTHONPATH=/usr:" + home + ":/opt",
            "-I" + home + "/include", "/cache/" + home.replace("/", "-").lstrip("-") + "/x", "b'" + home + "'",
            scratch, scratch + ".old/x", "/tmp/pytest-of-alice/x", "/data/alice_gait/x", "C:\\\\Users\\\\alice\\\\x",
            repr("C:\\\\Users\\\\alice\\\\x"), "C:/Users/alice", "alice@cluster:/data", "~alice/x", "smb://nas/alice",
            "git@example.org:alice/project.git", "/media/alice", "%2Fmedia%2Falice%2Fdisk", home + "-backup/x",
        ])


def entry():
    challenge = ExampleChallenge().run(1)
    challenge.optimizer = Memory(Path(home, ".cache"))
    challenge.dataset_ = Dataset()
    return challenge


set_config(LocalConfig(
    results_dir=os.path.join(top, "results"), cache_dir=os.path.join(link, "cache"), tmp_dir=scratch,
    datasets={"own": os.path.join(home, "own"), "shared": os.path.join(scratch, "shared"), "linked": link},
))
base = {"stored_filenames_relative_to": sys.argv[1]}
print(save_run(entry(), "by_hand", custom_metadata={}, **base))
with recorded_run("block", **base) as r:
    entry()
print(r.path_)


@record_run("decorated", **base)
def decorated():
    entry()


decorated()
print(next(Path(top, "results").glob("*/*/decorated/*")))
'''


class Home:
    """A home folder of somebody called alice, with a repository and whatever else leads to it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.path = top / "home" / "alice"
        (top / "scratch" / "alice").mkdir(parents=True)
        self.repository = GitRepository(self.path / "project")
        (top / "link").symlink_to(self.path, target_is_directory=True)
        self.script = self.repository.write("experiments/entry.py", PROGRAM)
        self.repository.commit()

    def run(self, relative_to: str, *arguments: str, cwd: Path | None = None, **environment: str) -> list[str]:
        """Run the script as alice, and return the text of each metadata.json."""
        env = {"HOME": str(self.path), "USERPROFILE": str(self.path), "USER": "alice", "LOGNAME": "alice"}
        done = run_python(
            self.script, relative_to, *arguments, cwd=cwd or self.repository.path, env={**env, **environment}
        )
        paths = [Path(line) for line in done.stdout.splitlines()]
        assert len(paths) == 3
        return [(path / "metadata.json").read_text(encoding="utf-8") for path in paths]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Give the home folder of alice."""
    return Home(tmp_path / "machine")


def mentions(text: str, word: str) -> list[str]:
    """Return the places of a text, a few characters around each, that mention a word."""
    return [
        text[max(0, found.start() - 40) : found.end() + 20]
        for found in re.finditer(re.escape(word), text, re.IGNORECASE)
    ]


# Home and user


@ON_POSIX
@pytest.mark.parametrize("relative_to", [".", "~", "/", "{top}/link/project", "{top}/results"])
def test_neither_home_nor_user_are_anywhere_in_the_record(home: Home, relative_to: str) -> None:
    """Whatever paths are relative to, and whichever way a path leads home: no metadata.json tells who the user is."""
    folder = relative_to.format(top=home.top)
    for text in home.run(folder, str(home.path / "x"), f"--data={home.top}/scratch/alice/x", "--user", "alice"):
        assert mentions(text, "alice") == []
        assert mentions(text, str(home.path)) == []


@ON_POSIX
def test_what_git_tells_is_without_home_and_user_too(home: Home) -> None:
    """Branch, remote, changed paths and the base folder are rewritten as every other path is."""
    home.repository.git("checkout", "--quiet", "-b", "alice/faster")
    home.repository.git("remote", "add", "origin", "ssh://alice@example.org/home/alice/gait.git")
    home.repository.write("data/alice/new.csv", "1")
    home.repository.write("data/known.csv", "1")
    home.repository.git("add", "data/known.csv")
    texts = home.run(str(home.path))
    for text in texts:
        assert mentions(text, "alice") == []
        metadata = json.loads(text)
        assert metadata["git"]["branch"] == "<user>/faster"
        assert metadata["git_base_dir"] == "project"


@ON_POSIX
def test_an_editable_install_below_home_is_stored_without_it(home: Home, tmp_path: Path) -> None:
    """Where packages were installed from is rewritten, too, and the repository of the editable one is still read."""
    package = home.path / "my library"
    GitRepository(package).commit()
    info = tmp_path / "site" / "my_library-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-library\nVersion: 1.0\n")
    facts = {"url": "file://" + quote(str(package)), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(facts))
    already = [python_environment()["PYTHONPATH"]]
    paths = os.pathsep.join([str(info.parent), *already])
    for text in home.run(".", PYTHONPATH=paths):
        assert mentions(text, "alice") == []
        stored = json.loads(text)["system_info"]["packages_direct_url"]["my-library"]
        assert (stored["editable"], stored["dirty"]) == (True, False)


@ON_POSIX
def test_paths_are_relative_to_the_folder(home: Home) -> None:
    """Below the folder, paths are relative to it; beside it, they go up; both with slashes."""
    for text in home.run("."):
        metadata = json.loads(text)
        assert metadata["caller_file_path"] == metadata["caller"]["file"] == "experiments/entry.py"
        assert metadata["git_base_dir"] == "."
        assert metadata["config"]["results_dir"] == "../../../results"
        assert metadata["config"]["datasets"]["own"] == "../own"


@ON_POSIX
def test_a_home_that_is_a_link_is_found_under_both_names(tmp_path: Path) -> None:
    """On clusters the home folder is often a link; neither its name nor where it leads is stored."""
    home = Home(tmp_path / "disk")
    (tmp_path / "users").mkdir()
    (tmp_path / "users" / "alice").symlink_to(home.path, target_is_directory=True)
    for text in home.run(".", HOME=str(tmp_path / "users" / "alice")):
        assert mentions(text, "alice") == []


@ON_POSIX
def test_without_the_option_paths_stay_as_they_are(tmp_path: Path) -> None:
    """Who does not ask for relative paths gets absolute ones, which can be followed."""
    redactor = Redactor(None, home=Path("/home/alice"), names=["alice"])
    assert redactor.text("/home/alice/data") == "/home/alice/data"
    assert redactor.path("/home/alice/data") == "/home/alice/data"


def test_a_name_that_is_part_of_a_word_stays() -> None:
    """Only the name itself is taken out, not words that contain it, and not the names of the project's own files."""
    redactor = Redactor(Path("/project"), home=Path("/home/gait"), names=["gait"])
    for text in ("gaitmap 2.2.2", "/opt/gaitmap/x", "a gait algorithm", "src/gait_entry.py", "Agait", "GaitPipeline()"):
        assert redactor.text(text) == text
    assert redactor.text("/opt/gait/x") == "/opt/<user>/x"


def test_other_homes_stay() -> None:
    """A folder whose name only begins like the home folder's is another one."""
    redactor = Redactor(Path("/project"), home=Path("/home/al"), names=["al"])
    assert redactor.text("/home/alex/x") == "/home/alex/x"
    assert redactor.text("/home/al/x") == "~/x"


_PART = st.text(st.characters(categories=["L", "N"], include_characters=" ._-+"), min_size=1, max_size=8).filter(
    lambda text: text.strip(" .") == text
)
_NAME = st.from_regex(r"[a-z][a-z0-9]{2,7}", fullmatch=True)


@ON_POSIX
@example(name="alice", above=["home"], below=["x y"], base=["srv"])
@given(
    name=_NAME, above=st.lists(_PART, min_size=1, max_size=3), below=st.lists(_PART, max_size=3), base=st.lists(_PART)
)
def test_no_form_of_a_path_below_home_tells_home(
    name: str, above: list[str], below: list[str], base: list[str]
) -> None:
    """For any home, any path below it and any base folder: no usual form of the path tells the home or the name."""
    assume(all(name not in part for part in [*above, *below, *base]))
    home = PurePath("/", *above, name)
    path = str(home.joinpath(*below))
    redactor = Redactor(Path("/", *base), home=Path(home), names=[name])
    forms = [path, repr(path), repr(PurePath(path)), f"Memory(location={path})", "file://" + quote(path), path + "/"]
    forms += [quote(path, safe=""), os.path.relpath(path, "/usr/share"), shlex.quote(path), f"a:{path}:b", f"b'{path}'"]
    shown = [redactor.text(form) for form in forms] + [redactor.path(path)]
    for text in shown:
        assert name not in text
        assert str(home) not in text


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_redacting_keeps_the_form_of_a_record(value: Any) -> None:
    """Only strings change; keys, numbers and the nesting stay."""

    def form(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: form(inner) for key, inner in item.items()}
        return [form(inner) for inner in item] if isinstance(item, list) else "text" if isinstance(item, str) else item

    redactor = Redactor(Path("/project"), home=Path("/home/alice"), names=["alice"], secrets=[TOKEN])
    assert form(redactor.tree(value)) == form(value)


@given(st.text(st.sampled_from("alice/home~.-_ \\%2f'=:"), max_size=40))
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    """What was rewritten once is stable, so that drafts of a record can be rewritten again."""
    redactor = Redactor(Path("/home/alice/project"), home=Path("/home/alice"), names=["alice"], secrets=[TOKEN])
    once = redactor.text(text)
    assert redactor.text(once) == once


@pytest.mark.parametrize("base", ["/project", "/"])
@pytest.mark.parametrize(
    "piece", ["a", "0", "a-", "a.", "token", "token=", "/", "../", "/a", "%2f", "a:", "://", "@", "?token=", "'"]
)
def test_long_texts_are_rewritten_in_time(piece: str, base: str) -> None:
    """The repr of a large object must not hold up a save: the time grows with the length, not with its square."""
    redactor = Redactor(Path(base), home=Path("/home/alice"), names=["alice"], secrets=[TOKEN])
    clock = time.process_time()
    redactor.text(piece * (200_000 // len(piece)))
    assert time.process_time() - clock < 5


# Secrets

SECRETS = (
    """
import os, sys
from challenges import ExampleChallenge
from gaitmap_results import recorded_run


class Client:
    def __repr__(self):
        return "; ".join([
            "Client(api_token='{TOKEN}', url='https://me:{PASSWORD}@example.org/x')",
            "password: '{PASSWORD}'", "config=" + repr(str({{"password": "{PASSWORD}", "fold": 2}})),
            "{{'Authorization': 'Bearer {TOKEN}'}}", "Authorization: Bearer {TOKEN}",
            "https://example.org/data?api_key={TOKEN}&fold=2", f"key {{os.environ['AWS_SECRET_ACCESS_KEY']}}",
        ])


class Study(ExampleChallenge):
    def run(self, optimizer):
        super().run(1)
        self.optimizer = optimizer
        return self


with recorded_run("entry", path=sys.argv[1]) as r:
    Study().run(Client())
print(r.path_)
""".replace("{TOKEN}", TOKEN)
    .replace("{PASSWORD}", PASSWORD)
    .replace("{{", "{")
    .replace("}}", "}")
)


def test_planted_secrets_are_nowhere_in_the_run(tmp_path: Path) -> None:
    """Secrets of the command line, the environment, a remote and a repr are in no file of the run, option or not."""
    repository = GitRepository(tmp_path / "project")
    script = repository.write("entry.py", SECRETS)
    repository.commit()
    repository.git("remote", "add", "origin", f"https://me:{PASSWORD}@example.org/gait.git?token={TOKEN}")
    arguments = ["--api-key", TOKEN, f"--password={PASSWORD}", f"TOKEN={TOKEN}", f"https://u:{PASSWORD}@example.org"]
    arguments += ["--header", f"Authorization: Bearer {TOKEN}", "--fold", "2"]
    env = {"AWS_SECRET_ACCESS_KEY": BASE64, "MY_PASSWORD": PASSWORD, "OMP_NUM_THREADS": "2"}
    done = run_python(script, tmp_path / "results", *arguments, cwd=repository.path, env=env)
    folder = Path(done.stdout.strip())
    for file in filter(Path.is_file, folder.rglob("*")):
        content = file.read_text(encoding="utf-8")
        for secret in (TOKEN, PASSWORD, BASE64):
            assert mentions(content, secret) == []
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    assert metadata["command"][-2:] == ["--fold", "2"]
    assert "&fold=2" in metadata["repr_pipeline"]
    assert "'fold': 2" in metadata["repr_pipeline"]
    assert metadata["system_info"]["limits"]["environment_variables"]["OMP_NUM_THREADS"] == "2"


def test_the_environment_as_a_whole_is_not_stored(tmp_path: Path) -> None:
    """Of the environment only what is listed is stored, however harmless the rest may look."""
    script = tmp_path / "entry.py"
    script.write_text(SECRETS, encoding="utf-8")
    env = {"AWS_SECRET_ACCESS_KEY": BASE64, "MY_PRIVATE_NOTE": "a-note-to-myself"}
    done = run_python(script, tmp_path / "results", cwd=tmp_path, env=env)
    text = (Path(done.stdout.strip()) / "metadata.json").read_text(encoding="utf-8")
    assert "a-note-to-myself" not in text
    assert "MY_PRIVATE_NOTE" not in text


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:x@example.org/a.git", "https://example.org/a.git"),
        ("https://token@example.org/a.git?b=c#d", "https://example.org/a.git"),
        ("https://a@b@example.org/x", "https://example.org/x"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("/srv/git/a.git", "/srv/git/a.git"),
        ("https://[broken", "<redacted>"),
    ],
)
def test_urls_lose_what_is_private(url: str, shown: str) -> None:
    """User, password, query and fragment are taken out; what is no URL stays."""
    assert redact_url(url) == shown


def test_values_that_are_paths_or_short_are_no_secrets(tmp_path: Path) -> None:
    """SSH_AUTH_SOCK is a path and AUTH=1 a switch; a key with slashes in it is a secret."""
    environment = {"SSH_AUTH_SOCK": str(tmp_path / "agent"), "AUTH": "1", "API_KEY": BASE64, "HOME": "a-long-home-path"}
    assert secret_values(["x", "--token", "0123456789"], environment) == (BASE64, "0123456789")


def test_names_of_the_user_are_found_wherever_the_system_tells_them() -> None:
    """The variables of every system, and the name of the home folder, tell who the user is."""
    names = user_names({"USER": "ada", "USERNAME": "Ada Lovelace", "SLURM_JOB_USER": "alovelace"}, Path("/home/ada2"))
    assert {"ada", "Ada Lovelace", "alovelace", "ada2"} <= set(names)


@pytest.mark.parametrize("leaves", [False, True])
def test_a_secret_that_is_in_the_environment_for_a_part_of_the_block(
    leaves: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token is taken out whether a variable holds it only at the end, or a program has taken it from there."""

    class Challenge(ExampleChallenge):
        def __repr__(self) -> str:
            return f"Challenge(key {TOKEN})"

    if leaves:
        monkeypatch.setenv("LAB_TOKEN", TOKEN)
    with recorded_run("entry", path=tmp_path, use_git=False) as recorder:
        if leaves:
            monkeypatch.delenv("LAB_TOKEN")
        Challenge().run(lambda: 1)
        if not leaves:
            monkeypatch.setenv("LAB_TOKEN", TOKEN)
    assert recorder.path_ is not None
    content = (recorder.path_ / "metadata.json").read_text(encoding="utf-8")
    assert TOKEN not in content
    assert json.loads(content)["repr_challenge"] == "Challenge(key <redacted>)"


def test_names_of_packages_and_data_sets_keep_their_values() -> None:
    """A key that looks like the name of a secret may be that of a package, whose version is no secret."""
    stored = {"provided": {"google-auth": "2.0"}, "datasets": {"auth": "data/auth"}}
    assert Redactor(None, home=None).tree(stored) == stored
