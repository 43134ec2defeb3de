"""Where the code can be fetched that a process has loaded."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import sysconfig
import textwrap
import time
import types
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from git_repository import GitRepository
from processes import run_python

from gaitmap_results.provenance import installed_files
from gaitmap_results.provenance.code_problems import original_of_copy, why_unidentified
from gaitmap_results.provenance.collecting import collect_code
from gaitmap_results.provenance.collection_errors import Collector
from gaitmap_results.provenance.file_origin import Origin, file_origin
from gaitmap_results.provenance.git.tracking import FileInRepository
from gaitmap_results.provenance.installed_files import InstalledPackage, is_of_debian
from gaitmap_results.provenance.loaded_code import CodeQuestion, audit_loaded_code

CHALLENGE = """
import json
from gaitmap_results import BaseChallenge

class StrideLength(BaseChallenge):
    VERSION = "1.0.0"

    def __init__(self, bias=0):
        self.bias = bias

    def run(self, optimizer=None):
        return self

    def save_core_results(self, folder_path):
        (folder_path / "bias.json").write_text(json.dumps(self.bias))

    @classmethod
    def load_core_results(cls, folder_path):
        return json.loads((folder_path / "bias.json").read_text())
"""
RECORD = """
with recorded_run("entry", path={results!r}, debug_run=False{options}):
    StrideLength().run()
"""
HEAD = "import sys\nfrom gaitmap_results import record_run, recorded_run\nfrom strides import StrideLength\n"


@dataclass
class Study:
    """A repository with a challenge, a script that records it, and what came out."""

    repository: GitRepository
    results: Path

    @property
    def path(self) -> Path:
        return self.repository.path

    def script(self, before: str, options: str = "", *, record: str | None = None) -> str:
        lines = HEAD + textwrap.dedent(before) + (record or RECORD.format(results=str(self.results), options=options))
        self.repository.write("entry.py", lines)
        return lines

    def run(self, before: str = "", options: str = "", *arguments: object, commit: bool = True, **how) -> dict:
        """Commit a script that does something and records then; run it, and return its metadata."""
        self.script(before, options)
        if commit:
            self.repository.commit()
        return self.again("entry.py", *arguments, **how)

    def again(self, *arguments: object, path: tuple[Path, ...] = (), env=None, cwd: Path | None = None, **how) -> dict:
        known = set(self.results.rglob("metadata.json"))
        paths = [str(self.path), *map(str, path), *filter(None, [os.environ.get("PYTHONPATH")])]
        changes = {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        done = run_python(*map(str, arguments), cwd=cwd or self.path, env=changes, **how)
        (file,) = set(self.results.rglob("metadata.json")) - known
        return json.loads(file.read_text(encoding="utf-8")) | {"stderr": done.stderr, "stdout": done.stdout}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """Return a repository with a challenge."""
    repository = GitRepository(tmp_path / "study")
    repository.write("strides.py", CHALLENGE)
    repository.write(".gitignore", "__pycache__/\n.venv/\nsettings.py\n*.ignored.py\n")
    repository.commit()
    return Study(repository, tmp_path / "results")


def codes(metadata: dict) -> list[str]:
    """Return the codes of the debug reasons."""
    return [reason["code"] for reason in metadata["debug_reasons"]]


def unidentified(metadata: dict) -> dict[str, str]:
    """Return the reason for each unidentified file, by its name."""
    return {Path(each["file"]).name: each["reason"] for each in metadata["code"]["unidentified"]}


def other_repository(path: Path, **files: str) -> GitRepository:
    """Return a clean repository with these modules."""
    repository = GitRepository(path)
    for name, text in files.items():
        repository.write(f"{name}.py", text)
    repository.commit()
    return repository


def install(site: Path, name: str, files: dict[str, str], *, direct_url=None, installer="pip", record=True) -> Path:
    """Install files as pip does: with their hashes in RECORD, which is written last."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "INSTALLER").write_text(f"{installer}\n")
    rows = []
    for file, text in files.items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text(text)
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{file},sha256={digest},{len(text)}")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    if record:
        (info / "RECORD").write_text("\n".join([*rows, f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]) + "\n")
    return info


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder like site-packages."""
    folder = tmp_path / "environment" / "site-packages"
    folder.mkdir(parents=True)
    return folder


# Official in every honest set-up


def test_a_plain_repository_is_official(study):
    """Code that is committed where the run is recorded is identified, and nothing else is stored."""
    metadata = study.run()
    assert (codes(metadata), metadata["is_debug_run"]) == ([], False)
    code = metadata["code"]
    assert code == {
        "repositories": [],
        "unidentified": [],
        "vouched": [],
        "tooling": [],
        "import_folders": ["."],
        "provided": {},
    }


def test_another_clean_repository_is_stored_with_its_commit(study, tmp_path):
    """A module from a folder on PYTHONPATH is identified by its repository; what else lies there does not matter."""
    other = other_repository(tmp_path / "shared", filters="CUTOFF = 12")
    other.git("remote", "add", "origin", "https://me:secret@example.org/filters.git")
    other.write("unrelated.py", "not committed")
    metadata = study.run("import filters", path=(other.path,))
    assert codes(metadata) == []
    (repository,) = metadata["code"]["repositories"]
    assert (repository["role"], repository["folder"], repository["remote"]) == (
        "path",
        ".",
        "https://example.org/filters.git",
    )
    assert repository["commit"] == other.git("rev-parse", "HEAD")
    assert isinstance(repository["place"], int)


def test_a_script_of_another_study_is_judged_by_its_own_repository(study, tmp_path):
    """Where the working directory is the repository of the data, the commit of the script's is stored, too."""
    data = other_repository(tmp_path / "data", readme="")
    study.run()
    metadata = study.again(study.path / "entry.py", cwd=data.path)
    assert codes(metadata) == []
    roles = {each["role"]: each["commit"] for each in metadata["code"]["repositories"]}
    assert roles["caller"] == study.repository.git("rev-parse", "HEAD")
    assert metadata["cwd"] == "."


@pytest.mark.parametrize("way", ["../study/entry.py", "link/../study/entry.py"])
def test_a_function_in_a_script_beside_the_working_directory(study, tmp_path, way):
    """The script is the caller's file only, and what it imports from its folder can be imported again."""
    data = other_repository(tmp_path / "elsewhere/data", readme="")
    (data.path / "link").symlink_to(study.path)
    (data.path.parent / "study").symlink_to(study.path)
    data.commit()
    decorator = f"record_run('entry', path={str(study.results)!r}, debug_run=False)"
    function = f"@{decorator}\ndef go():\n    StrideLength().run()\ngo()\n"
    study.script("", record=function)
    study.repository.commit()
    metadata = study.again(way, cwd=data.path)
    assert codes(metadata) == []
    found = [(each["role"], each["folder"], each["place"]) for each in metadata["code"]["repositories"]]
    assert sorted(found) == [("caller", None, None), ("path", ".", 0)]


@pytest.mark.parametrize(
    "way",
    [
        *("{0}/lib", "{0}/./lib", "{0}/../shared/lib", "{1}/lib", "{1}/lib/../lib", "{1}/../shared/lib"),
        *("../shared/lib", "{2}//shared/lib"),
    ],
)
def test_a_folder_on_the_path_is_one_however_it_is_written(study, tmp_path, way):
    """A repository is named once, with the folder from which it can be imported again; an edited file is noticed."""
    other = other_repository(tmp_path / "shared", filters="CUTOFF = 12")
    (other.path / "lib").mkdir()
    (other.path / "filters.py").rename(other.path / "lib/filters.py")
    other.commit()
    link = tmp_path / "links/link"
    link.parent.mkdir()
    link.symlink_to(other.path)
    folder = way.format(other.path, link, tmp_path)
    before = f"import sys\nsys.path.insert(0, {folder!r})\nimport filters\n"
    metadata = study.run(before)
    assert codes(metadata) == []
    (repository,) = metadata["code"]["repositories"]
    assert [repository[name] for name in ("role", "folder", "place")] == ["path", "lib", 0]
    commit = f"import subprocess; subprocess.run(['git', 'commit', '-qam', 'x'], cwd={str(other.path)!r}, check=True)\n"
    changed = study.run(f"{before}open(filters.__file__, 'a').write('# later')\n{commit}")
    assert unidentified(changed) == {"filters.py": "it was changed after it was imported"}


def test_a_submodule_is_identified(study, tmp_path):
    """A module of a submodule is identified by the submodule's commit."""
    other = other_repository(tmp_path / "origin", algorithm="FACTOR = 1")
    study.repository.git("submodule", "add", "--quiet", str(other.path), "sub")
    metadata = study.run("from sub.algorithm import FACTOR")
    assert codes(metadata) == []
    assert [each["role"] for each in metadata["code"]["repositories"]] == ["submodule"]


@pytest.mark.parametrize(
    "direct_url",
    [
        None,
        {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": "1" * 40}},
        {"url": "file:///x-1.0.whl", "archive_info": {"hash": "sha256=12"}},
        {"url": "https://example.org/x.whl", "archive_info": {"hashes": {"sha256": "12"}}},
    ],
    ids=["index", "vcs", "archive", "archive with hashes"],
)
def test_packages_that_others_can_fetch(study, site, direct_url):
    """A file that the RECORD of such a package names is identified."""
    install(site, "x", {"algo.py": "A = 1\n", "deep/module.py": ""}, direct_url=direct_url)
    assert codes(study.run("import algo, deep.module", path=(site,))) == []


@pytest.mark.parametrize("installer", ["conda", "rpm"])
def test_packages_of_the_system(study, site, installer):
    """Conda and the system's manager count as an index, whatever folder a package says it was built in."""
    direct_url = {"url": "file:///home/conda/feedstock_root/work", "dir_info": {}}
    install(site, "x", {"algo.py": "A = 1\n"}, direct_url=direct_url, installer=installer)
    assert codes(study.run("import algo", path=(site,))) == []


def test_what_the_package_manager_of_debian_installed():
    """Its packages may lack all metadata, even for root; pip of Alpine or Arch uses a folder with a similar name."""
    debian, alpine = Path("/usr/lib/python3/dist-packages"), Path("/usr/lib/python3.12/site-packages")
    assert [is_of_debian(str(place / "_cffi_backend.so")) for place in (debian, alpine)] == [True, False]
    packages = [InstalledPackage(place / "x-1.0.dist-info") for place in (debian, alpine)]
    assert [package.is_of_the_system for package in packages] == [True, False]


@pytest.mark.skipif(not Path("/usr/lib/python3/dist-packages").is_dir(), reason="not on Debian")
def test_a_module_of_debian_without_metadata(monkeypatch):
    """An extension module that another package brings, such as _cffi_backend, is identified."""
    monkeypatch.syspath_prepend("/usr/lib/python3/dist-packages")
    assert file_origin("/usr/lib/python3/dist-packages/no_metadata.so", "no_metadata", 0.0).kind == "library"


def test_what_conda_says_it_installed(tmp_path, monkeypatch):
    """Not every conda package has a RECORD; the environment's own list of files has them all."""
    site = tmp_path / "lib" / "site-packages"
    (tmp_path / "conda-meta").mkdir()
    (tmp_path / "conda-meta" / "x-1.0-0.json").write_text('{"files": ["lib/site-packages/algo.py"]}')
    site.mkdir(parents=True)
    for name in ("algo.py", "byhand.py"):
        (site / name).touch()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    kinds = [file_origin(str(site / name), Path(name).stem, 0.0).kind for name in ("algo.py", "byhand.py")]
    assert kinds == ["library", "open"]


@pytest.mark.parametrize("edited", [False, True])
def test_what_conda_wrote_into_a_file(study, site, edited):
    """Conda puts its own paths into files that RECORD has another hash of; an edit is noticed all the same."""
    info = install(site, "numlib", {"numlib.py": "PREFIX = 'placeholder'\n"}, installer="conda")
    os.utime(info / "RECORD", (0, 0))  # it comes from the package as it was built
    (site / "numlib.py").write_text("PREFIX = '/home/ana/conda'\n")
    records = site.parent / "conda-meta"
    records.mkdir()
    digest = hashlib.sha256((site / "numlib.py").read_bytes()).hexdigest()
    (records / "numlib-1.0-0.json").write_text(json.dumps({"paths_data": {"paths": [{"sha256_in_prefix": digest}]}}))
    if edited:
        (site / "numlib.py").write_text("PREFIX = 'mine'\n")
    metadata = study.run(f"import numlib\nsys.prefix = {str(site.parent)!r}", path=(site,))
    assert unidentified(metadata) == ({"numlib.py": "it was changed since numlib was installed"} if edited else {})


def test_two_packages_that_bring_the_same_file(study, site):
    """The package that was installed last overwrites it, as opencv-python-headless does with opencv-python."""
    info = install(site, "opencv_python", {"cv2.py": "GUI = True\n"})
    os.utime(info / "RECORD", (0, 0))
    install(site, "opencv_python_headless", {"cv2.py": "GUI = False\n"})
    assert unidentified(study.run("import cv2", path=(site,))) == {}
    os.utime(site / "opencv_python_headless-1.0.dist-info/RECORD", (0, 0))
    (site / "cv2.py").write_text("GUI = None\n")
    assert list(unidentified(study.again("entry.py", path=(site,)))) == ["cv2.py"]


@pytest.mark.parametrize("file", ["lib-dynload/_xxtestfuzz.so", "test/support/__init__.py", "_distutils_system_mod.py"])
def test_all_that_comes_with_python_is_the_library(file):
    """Python does not list all of its modules, and Debian adds one, which setuptools loads; a file of yours is told."""
    library = Path(sysconfig.get_path("stdlib"))
    assert file_origin(str(library / file), "x", 0.0).kind == "library"
    assert file_origin(str(library / "mine.py"), "mine", 0.0).kind == "bad"


def test_the_compiled_modules_of_python_on_windows():
    """They lie in a folder beside the library, and each program loads some."""
    assert file_origin(str(Path(sys.base_exec_prefix, "DLLs", "_ctypes.pyd")), "_ctypes", 0.0).kind == "library"


def test_an_environment_inside_of_the_repository(study):
    """What lies in a .venv is judged as packages, not as ignored files of the repository."""
    inside = study.path / ".venv" / "lib" / "site-packages"
    install(inside, "x", {"algo.py": "A = 1\n"})
    assert codes(study.run("import algo", path=(inside,))) == []


def test_a_clean_editable_package(study, site, tmp_path):
    """The repository of an editable package is stored with its commit, the package and the folder in it."""
    project = GitRepository(tmp_path / "algorithm")
    project.write("src/shin/__init__.py", "GAIN = 1")
    head = project.commit()
    url = {"url": project.path.as_uri(), "dir_info": {"editable": True}}
    install(site, "shin", {"__editable___shin_finder.py": ""}, direct_url=url)
    metadata = study.run("import __editable___shin_finder, shin", path=(site, project.path / "src"))
    assert codes(metadata) == []
    (repository,) = metadata["code"]["repositories"]
    assert (repository["role"], repository["package"], repository["commit"]) == ("editable", "shin", head)


@pytest.mark.parametrize("layout", ["", "src", "python"])
def test_a_package_from_a_clean_folder(study, site, tmp_path, layout):
    """A copy of what a folder's commit holds is identified, in each usual layout; the folder's commit is stored."""
    project = GitRepository(tmp_path / "algorithm")
    project.write(f"{layout}/shin/core.py" if layout else "shin/core.py", "GAIN = 1\n")
    head = project.commit()
    url = {"url": project.path.as_uri(), "dir_info": {}}
    version = "# generated\n__version__ = version = '1.0'\n__version_tuple__ = (1, 0)\n"
    install(site, "shin", {"shin/core.py": "GAIN = 1\n", "shin/_version.py": version}, direct_url=url)
    metadata = study.run("import shin.core, shin._version", path=(site,))
    assert codes(metadata) == []
    (repository,) = metadata["code"]["repositories"]
    assert (repository["role"], repository["package"], repository["commit"]) == ("folder", "shin", head)


def test_a_generated_version_file(study):
    """A version file that the build ignores in git is identified if it only assigns literals, a version among them."""
    study.repository.write(".gitignore", "__pycache__/\n_version.py\n")
    study.repository.write("shin/__init__.py", "from shin import _version")
    study.repository.write("shin/_version.py", "TYPE_CHECKING = False\n__version__ = '1.0'\n")
    assert codes(study.run("import shin")) == []
    study.repository.write("shin/_version.py", "__version__ = '1.0'\nimport os\nos.environ['A'] = '1'\n")
    assert unidentified(study.again("entry.py")) == {"_version.py": "git ignores it"}


def test_a_sparse_checkout(study):
    """Files that a sparse checkout leaves out were not loaded, and what was loaded is committed."""
    study.repository.write("large/data.py", "")
    study.script("")
    study.repository.commit()
    study.repository.git("sparse-checkout", "set", "--no-cone", "/*", "!/large/")
    assert not (study.path / "large").exists()
    assert codes(study.again("entry.py")) == []


def test_a_test_of_pytest_is_official(study):
    """Tests and conftest.py are files of the repository, which pytest rewrites in memory only."""
    study.repository.write("conftest.py", "import pytest\n")
    record = RECORD.format(results=str(study.results), options="")
    study.repository.write(
        "test_entry.py", HEAD + "def test_it():\n" + textwrap.indent(record, "    ") + "    assert StrideLength\n"
    )
    study.repository.commit()
    metadata = study.again("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:tpcp_snapshots", "test_entry.py")
    assert codes(metadata) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are asked for where there are users")
def test_the_modules_of_a_cluster_are_provided(site, monkeypatch):
    """A package that the user can neither write nor replace is identified, also if it was built in a folder."""
    install(site, "clusterlib", {"clusterlib.py": ""}, direct_url={"url": "file:///build", "dir_info": {}})
    monkeypatch.syspath_prepend(str(site))
    file = str(site / "clusterlib.py")
    assert file_origin(file, "clusterlib", 0.0).kind == "folder"
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(os, "access", lambda *_: False)
    installed_files._folder_is_out_of_reach.cache_clear()
    origin = file_origin(file, "clusterlib", 0.0)
    installed_files._folder_is_out_of_reach.cache_clear()
    assert (origin.kind, origin.package.version) == ("provided", "1.0")


# A debug run for what nobody else can fetch


def test_an_ignored_module(study):
    """A settings module that git ignores is named, with the reason and the fix, in the warning, too."""
    study.repository.write("settings.py", "BIAS = 41")
    metadata = study.run("import settings")
    assert codes(metadata) == ["code.unidentified"]
    assert unidentified(metadata) == {"settings.py": "git ignores it"}
    assert "settings.py: git ignores it. Commit it" in metadata["stderr"]


def test_a_module_in_no_repository(study, tmp_path):
    """A shared folder that is no repository is not enough."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "filters.py").touch()
    metadata = study.run("import filters", path=(tmp_path / "lib",))
    assert codes(metadata) == ["code.unidentified"]
    assert unidentified(metadata) == {"filters.py": "it is in no repository"}


@pytest.mark.parametrize("state", ["modified", "untracked"])
def test_uncommitted_code_of_another_repository(study, tmp_path, state):
    """An edit, or a new file, that another repository does not hold makes a debug run."""
    other = other_repository(tmp_path / "other", algorithm="FACTOR = 1")
    name = "algorithm" if state == "modified" else "fresh"
    other.write(f"{name}.py", "FACTOR = 99")
    metadata = study.run(f"import {name}", path=(other.path,))
    assert codes(metadata) == ["code.unidentified"]
    assert list(unidentified(metadata)) == [f"{name}.py"]


def test_what_git_names_already_is_not_told_twice(study):
    """An edited module of the working directory's repository is in git.dirty, and stored as unidentified."""
    study.repository.write("algorithm.py", "FACTOR = 1")
    study.run("import algorithm")
    study.repository.write("algorithm.py", "FACTOR = 2")
    metadata = study.again("entry.py")
    assert codes(metadata) == ["git.dirty"]
    assert unidentified(metadata) == {"algorithm.py": "it has uncommitted changes"}


def test_a_file_among_packages_that_no_record_names(study, site):
    """A module that was put into site-packages by hand is in no package; what environments bring along is."""
    install(site, "x", {"algo.py": "A = 1\n"})
    (site / "byhand.py").touch()
    (site / "_virtualenv.py").touch()
    metadata = study.run("import algo, byhand, _virtualenv", path=(site,))
    assert codes(metadata) == ["code.unidentified"]
    assert list(unidentified(metadata)) == ["byhand.py"]


def test_packages_that_are_committed(study):
    """A folder of packages that is part of the repository is judged as its other files are."""
    study.repository.write("vendor/site-packages/algo.py", "A = 1")
    vendored = study.path / "vendor" / "site-packages"
    assert codes(study.run("import algo", path=(vendored,))) == []


def test_an_audit_that_fails_makes_a_debug_run(monkeypatch):
    """Where it cannot be told what ran, nobody can fetch it."""
    monkeypatch.setattr("gaitmap_results.provenance.loaded_code.audit_loaded_code", lambda *_, **__: 1 / 0)
    collector = Collector()
    code = collect_code(CodeQuestion(None, None, (), None, None, {}), {}, collector)
    (problem,) = code.unidentified
    assert "ZeroDivisionError" in problem.reason
    assert [each["what"] for each in collector.errors] == ["code"]


def test_modules_with_an_odd_file(tmp_path, monkeypatch):
    """What some module says of its file is text of anybody's, and a folder is no code."""
    for number, file in enumerate((None, "", "<string>", "a\0b", str(tmp_path), 3)):
        module = types.ModuleType(f"odd_{number}")
        module.__file__ = file
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "odd_none", None)
    code = audit_loaded_code(CodeQuestion(None, None, (), None, None, {}))
    assert str(tmp_path) not in [each.file for each in code.unidentified]


def test_an_installed_file_that_was_edited(study, site):
    """A file that is newer than RECORD is held against the hash in it; touched, it is the same."""
    install(site, "x", {"algo.py": "A = 1\n", "other.py": ""})
    later = time.time() + 100
    (site / "algo.py").write_text("A = 2\n")
    for name in ("algo.py", "other.py"):
        os.utime(site / name, (later, later))
    metadata = study.run("import algo, other", path=(site,))
    assert unidentified(metadata) == {"algo.py": "it was changed since x was installed"}


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_in_place_of_an_installed_file(study, site, tmp_path, linked):
    """The age of what a link leads to says nothing: its content does, or the repository that it lies in."""
    install(site, "gaitlib", {"gaitlib/__init__.py": "GAIN = 1\n"})
    place = site / "gaitlib" if linked == "folder" else site / "gaitlib/__init__.py"
    moved = tmp_path / "moved"
    place.rename(moved)
    place.symlink_to(moved)
    os.utime(site / "gaitlib/__init__.py", (0, 0))
    assert codes(study.run("import gaitlib", path=(site,))) == []
    (site / "gaitlib/__init__.py").write_text("GAIN = 9\n")
    os.utime(site / "gaitlib/__init__.py", (0, 0))
    assert unidentified(study.again("entry.py", path=(site,))) == {"__init__.py": "it is in no repository"}
    checkout = other_repository(tmp_path / "checkout", **{"gaitlib/__init__": "GAIN = 9\n"})
    place.unlink()
    place.symlink_to(checkout.path / place.relative_to(site))
    metadata = study.again("entry.py", path=(site,))
    assert codes(metadata) == []
    assert [each["commit"] for each in metadata["code"]["repositories"]] == [checkout.git("rev-parse", "HEAD")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("edited", "in the folder that shin was installed from it is modified"),
        ("committed", "it is not what the folder that shin was installed from holds now"),
        ("gone", "shin was installed from a folder in which no repository has this file"),
    ],
)
def test_a_package_from_a_folder_that_went_on(study, site, tmp_path, change, reason):
    """What ran is the installed copy; where the folder holds something else now, nobody can fetch it."""
    project = other_repository(tmp_path / "algorithm", shin="GAIN = 1\n")
    install(site, "shin", {"shin.py": "GAIN = 1\n"}, direct_url={"url": project.path.as_uri(), "dir_info": {}})
    if change == "gone":
        (project.path / "shin.py").unlink()
    else:
        project.write("shin.py", "GAIN = 9\n")
    if change == "committed":
        project.commit()
    assert unidentified(study.run("import shin", path=(site,))) == {"shin.py": reason}


def test_a_copy_is_compared_again_once_it_changed(tmp_path):
    """Whether an installed file equals its original is asked anew when either of them has another time or size."""
    copy, original = tmp_path / "copy.py", tmp_path / "original.py"
    package = Origin("folder", counterparts=(original,))
    found = {str(original): FileInRepository(str(original), "unchanged", tmp_path, "1" * 40, None)}
    copy.write_text("A = 1\n")
    for number, (content, is_same) in enumerate([("A = 1\n", True), ("A = 2\n", False), ("A = 1\n", True)]):
        original.write_text(content)
        os.utime(original, (number, number))
        source = original_of_copy(str(copy), package, found)
        assert (why_unidentified(str(copy), package, source) is None) is is_same


def test_an_archive_without_a_hash(study, site, tmp_path):
    """A local wheel for which uv stored no hash has one while it is there and holds what is installed."""
    wheel = tmp_path / "x-1.0-py3-none-any.whl"
    info = install(site, "x", {"algo.py": "A = 1\n"}, direct_url={"url": wheel.as_uri(), "archive_info": {}})
    held = (info / "RECORD").read_text()
    with (info / "RECORD").open("a") as record:  # what an installer adds
        record.write("../../bin/x,sha256=1,1\nx-1.0.dist-info/INSTALLER,sha256=2,2\n")
    assert "algo.py" in unidentified(study.run("import algo", path=(site,)))
    for rows, names in ((held, set()), (held.replace("sha256=", "sha256=x"), {"algo.py"})):
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("x-1.0.dist-info/RECORD", rows)
        metadata = study.again("entry.py", path=(site,))
        assert set(unidentified(metadata)) == names
        digest = metadata["system_info"]["packages_direct_url"]["x"].get("archive_hash")
        assert digest == (None if names else f"sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}")


def test_modules_in_an_archive_on_the_path(study, tmp_path):
    """A zip import is judged by the archive."""
    import zipfile

    archive = tmp_path / "lib.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped.py", "A = 1")
    assert list(unidentified(study.run("import zipped", path=(archive,)))) == ["lib.zip"]
    study.repository.write("lib.zip", "")
    (study.path / "lib.zip").write_bytes(archive.read_bytes())
    assert codes(study.run("import zipped", path=(study.path / "lib.zip",))) == []


def test_namespace_packages_and_modules_without_a_file(study):
    """A folder without __init__ has no code, and a module that was made at run time has no file."""
    study.repository.write("space/module.py", "")
    before = "import types, space.module\nsys.modules['made'] = types.ModuleType('made')\n"
    assert codes(study.run(before)) == []


# What was imported


@pytest.mark.parametrize("bytecode", ["", "1"], ids=["written", "not written"])
@pytest.mark.parametrize("first", ["import", "edit"])
def test_a_module_that_was_edited_in_a_running_session(study, first, bytecode):
    """Edited and committed after its import, a module is not what runs; edited before it, it is."""
    study.repository.write("algorithm.py", "FACTOR = 1\n")
    study.repository.write(
        "editing.py",
        "import pathlib, subprocess\n"
        "def edit():\n"
        "    pathlib.Path('algorithm.py').write_text('FACTOR = 77\\n')\n"
        "    subprocess.run(['git', 'commit', '-qam', 'better'], check=True)\n",
    )
    steps = ["import algorithm", "edit()"] if first == "import" else ["edit()", "import algorithm"]
    metadata = study.run("\n".join(["from editing import edit", *steps, ""]), env={"PYTHONDONTWRITEBYTECODE": bytecode})
    expected = {"algorithm.py": "it was changed after it was imported"} if first == "import" else {}
    assert unidentified(metadata) == expected
    assert ("Restart the process" in metadata["stderr"]) is bool(expected)


@pytest.mark.parametrize("change", ["touched", "reloaded", "put back"])
def test_what_is_still_what_was_imported(study, change):
    """The same content at another time is the same code, and a module that was reloaded is what runs."""
    study.repository.write("algorithm.py", "FACTOR = 1\n")
    after = {
        "touched": "os.utime('algorithm.py', (1, 1))",
        "reloaded": "importlib.reload(algorithm)",
        "put back": "open('algorithm.py', 'w').write('FACTOR = 1\\n'); os.utime('algorithm.py', (9, 9))",
    }[change]
    before = (
        "import importlib, os, subprocess, algorithm\n"
        "if sys.argv[1] != 'touched':\n"
        "    open('algorithm.py', 'w').write('FACTOR = 2222\\n')\n"
        "    if sys.argv[1] == 'reloaded': subprocess.run(['git', 'commit', '-qam', 'x'], check=True)\n"
        f"{after}\n"
    )
    metadata = study.run(before, "", change)
    assert unidentified(metadata) == {}


def test_a_module_that_was_imported_before_this_package(study):
    """Python keeps time and size of what it compiled, which tells of an edit that nobody watched."""
    study.repository.write("algorithm.py", "FACTOR = 1\n")
    study.repository.write("entry.py", "")
    study.repository.commit()
    early = "import algorithm\nopen('algorithm.py', 'w').write('FACTOR = 22\\n')\n"
    record = RECORD.format(results=str(study.results), options="")
    study.repository.write("entry.py", early + HEAD + record)
    study.repository.commit()
    metadata = study.again("entry.py", env={"PYTHONDONTWRITEBYTECODE": ""})
    assert unidentified(metadata) == {"algorithm.py": "it was changed after it was imported"}


def test_another_process_that_compiles_an_edited_module(study):
    """What Python compiled is then that of the edit, and only what was seen at the import tells of it."""
    study.repository.write("algorithm.py", "FACTOR = 1\n")
    before = (
        "import subprocess, algorithm\n"
        "open('algorithm.py', 'w').write('FACTOR = 2\\n')\n"
        "subprocess.run(['git', 'commit', '-qam', 'better'], check=True)\n"
        "subprocess.run([sys.executable, '-m', 'compileall', '-q', 'algorithm.py'], check=True)\n"
    )
    metadata = study.run(before, env={"PYTHONDONTWRITEBYTECODE": ""})
    assert unidentified(metadata) == {"algorithm.py": "it was changed after it was imported"}


@pytest.mark.parametrize("edited", [True, False])
def test_compiled_code_that_python_loads_unchecked(study, edited):
    """A .pyc that was made so is what runs, whatever its source says now."""
    study.repository.write("algorithm.py", "FACTOR = 1\n")
    mode = "py_compile.PycInvalidationMode.UNCHECKED_HASH"
    compiling = f"import py_compile; py_compile.compile('algorithm.py', invalidation_mode={mode})"
    run_python("-c", compiling, cwd=study.path)
    study.repository.write("algorithm.py", f"FACTOR = {2 if edited else 1}\n")
    metadata = study.run("import algorithm\nassert algorithm.FACTOR == 1\n")
    assert list(unidentified(metadata)) == ["algorithm.py"] * edited


@pytest.mark.parametrize("name", ["settings", "tracked"])
def test_a_file_that_is_loaded_by_its_path(study, name):
    """A configuration in Python need not be kept as a module, and is code that ran all the same."""
    study.repository.write(f"{name}.py", "BIAS = 41")
    before = (
        "import importlib.util\n"
        f"spec = importlib.util.spec_from_file_location('config', '{name}.py')\n"
        "spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
    )
    expected = {"settings.py": "git ignores it"} if name == "settings" else {}
    assert unidentified(study.run(before)) == expected


def test_a_package_that_is_replaced_after_its_import(study, site):
    """An update in a running kernel does not change what runs, although RECORD and the .pyc are new then."""
    install(site, "x", {"algo.py": "A = 1\n", "unseen.py": ""})
    before = f"""
        import importlib, pathlib, algo
        site = pathlib.Path({str(site)!r})
        new = "A = 2222\\n"
        (site / "algo.py").write_text(new)
        import base64, hashlib
        hashed = base64.urlsafe_b64encode(hashlib.sha256(new.encode()).digest()).rstrip(b"=").decode()
        (site / "x-1.0.dist-info" / "RECORD").write_text(f"algo.py,sha256={{hashed}},{{len(new)}}\\nunseen.py,,\\n")
        import unseen
        """
    metadata = study.run(before, path=(site,))
    assert unidentified(metadata) == {"algo.py": "it was changed after it was imported"}


def loaded(monkeypatch, *files: Path) -> None:
    """Have files loaded by a loader of which nothing is known, as compiled modules are."""
    for file in files:
        module = types.ModuleType(f"compiled_{file.stem}")
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, module.__name__, module)


def test_what_was_just_installed_is_known_by_its_hash(site, monkeypatch):
    """After `pip install` in a running process nothing is asked of compiled modules but what RECORD says."""
    monkeypatch.syspath_prepend(str(site))
    names = [f"fast{number}.so" for number in range(3)]
    install(site, "x", dict.fromkeys(names, "compiled"))
    later = time.time() + 1000
    for name in names:
        os.utime(site / name, (later, later))
    loaded(monkeypatch, *(site / name for name in names))
    code = audit_loaded_code(CodeQuestion(None, None, (), None, None, {}))
    assert code.notes == ()
    assert [each.file for each in code.unidentified if each.file.startswith(str(site))] == []


def test_a_package_of_a_well_known_other_name(site, monkeypatch):
    """For sklearn, dateutil and their like, no other RECORD is read: with 200 packages that takes a while."""
    infos = [install(site, name, {}) for name in ("abacus", "zebra")]
    install(site, "scikit_learn", {"sklearn/__init__.py": "", "sklearn/base.py": ""})
    monkeypatch.syspath_prepend(str(site))
    read, content = [], installed_files._content
    monkeypatch.setattr(installed_files, "_content", lambda file: read.append(file) or content(file))
    for name in ("__init__", "base"):
        origin = file_origin(str(site / "sklearn" / f"{name}.py"), "sklearn", 0.0)
        assert (origin.kind, origin.package.name) == ("package", "scikit_learn")
    assert [info for info in infos if info / "RECORD" in read] == []


@pytest.mark.parametrize("has_record", [True, False])
def test_a_well_known_name_does_not_decide(site, monkeypatch, has_record):
    """Who has a folder of that name is told by the RECORD, whatever the folder is usually from."""
    install(site, "PyYAML", {"other.py": ""}, record=has_record)
    install(site, "ours", {"yaml/__init__.py": ""})
    monkeypatch.syspath_prepend(str(site))
    assert file_origin(str(site / "yaml" / "__init__.py"), "yaml", 0.0).package.name == "ours"
    (site / "yaml" / "unlisted.py").touch()
    assert file_origin(str(site / "yaml" / "unlisted.py"), "yaml.unlisted", 0.0).kind == "open"


def test_what_is_not_known_is_told_in_one_line(tmp_path, monkeypatch):
    """However many files nothing tells of, there is one sentence, with one name and the number of the others."""
    files = [tmp_path / f"built{number}.so" for number in range(3)]
    later = time.time() + 1000
    for file in files:
        file.touch()
        os.utime(file, (later, later))
    loaded(monkeypatch, *files)
    (note,) = audit_loaded_code(CodeQuestion(None, None, (), None, None, {})).notes
    assert note.startswith(f"Whether {files[0]} and 2 more is as it was imported is not known")


def test_a_later_block_looks_again(study):
    """A file that moved, and a repository whose commit moved, are judged anew in the same process."""
    study.repository.write("algorithm.py", "FACTOR = 1\n")
    record = (
        "import subprocess, algorithm\n"
        f"for entry in ('first', 'second', 'third'):\n"
        f"    with recorded_run(entry, path={str(study.results)!r}, debug_run=False):\n"
        "        StrideLength().run()\n"
        "    if entry == 'first': open('algorithm.py', 'a').write('# edited')\n"
        "    if entry == 'second': subprocess.run(['git', 'checkout', '-q', 'algorithm.py'], check=True)\n"
    )
    study.script("", record=record)
    study.repository.commit()
    paths = os.pathsep.join([str(study.path), os.environ["PYTHONPATH"]])
    run_python("entry.py", cwd=study.path, env={"PYTHONPATH": paths})
    runs = [json.loads(file.read_text()) for file in study.results.rglob("metadata.json")]
    found = {run["entry_name"]: unidentified(run) for run in runs}
    assert found["first"] == found["third"] == {}
    assert found["second"] == {"algorithm.py": "it was changed after it was imported"}


def test_what_the_start_knew_of_a_file_says_nothing_about_its_import_at_the_end(study):
    """A file that was unchanged at the start, then edited and imported, is code that only the user vouches for."""
    study.repository.write("late.py", "BIAS = 40\n")
    record = (
        f"with recorded_run('entry', path={str(study.results)!r}, debug_run=False, git_dirty_ignore=['late.py']):\n"
        "    open('late.py', 'a').write('BIAS = 41')\n"
        "    import late\n"
        "    StrideLength().run()\n"
    )
    study.script("", record=record)
    study.repository.commit()
    (vouched,) = study.again("entry.py")["code"]["vouched"]
    assert vouched["sha256"] == hashlib.sha256(b"BIAS = 40\nBIAS = 41").hexdigest()


def test_a_package_that_changes_during_a_later_run_is_noticed_at_its_end(study, site):
    """The start of a later run leaves packages that it knows to the end, which looks at each of them."""
    install(site, "x", {"algo.py": "A = 1\n"})
    record = (
        "import algo\n"
        "for entry in ('first', 'second'):\n"
        f"    with recorded_run(entry, path={str(study.results)!r}, debug_run=False):\n"
        "        StrideLength().run()\n"
        "        if entry == 'second': open(algo.__file__, 'a').write('# edited')\n"
    )
    study.script("", record=record)
    study.repository.commit()
    paths = os.pathsep.join([str(study.path), str(site), os.environ["PYTHONPATH"]])
    run_python("entry.py", cwd=study.path, env={"PYTHONPATH": paths})
    runs = [json.loads(file.read_text()) for file in study.results.rglob("metadata.json")]
    found = {run["entry_name"]: unidentified(run) for run in runs}
    assert found == {"first": {}, "second": {"algo.py": "it was changed after it was imported"}}


# Code without a file


def test_code_given_with_c_makes_a_debug_run(study):
    """Nobody else has what was typed."""
    metadata = study.again("-c", HEAD + RECORD.format(results=str(study.results), options=""))
    assert codes(metadata) == ["code.unidentified"]
    assert unidentified(metadata) == {"code given with -c": "code given with -c is in no repository"}


@pytest.mark.parametrize(
    ("call", "reasons"),
    [
        ("entry(12, 'x', weights=[1.5, None])", []),
        ("entry(lambda: 1)", ["code.unidentified"]),
    ],
)
def test_a_decorated_function_that_is_imported(study, call, reasons):
    """What ran is the function's file; an argument that is no plain value may lead to code that was typed in."""
    record = f"record_run(path={str(study.results)!r}, debug_run=False)"
    study.repository.write(
        "entries.py", HEAD + f"@{record}\ndef entry(*values, weights=()):\n    StrideLength().run()\n"
    )
    study.repository.commit()
    metadata = study.again("-c", f"from entries import entry; {call}")
    assert codes(metadata) == reasons
    assert metadata["entry"]["module"] == "entries"
    assert metadata["entry"]["file"] == "entries.py"
    assert metadata["entry"]["arguments"] == ({"values": [12, "x"], "weights": [1.5, None]} if not reasons else None)


@pytest.mark.parametrize(
    ("call", "held"),
    [
        ("Study.entry()", ""),
        ("type('Mine', (Study,), {'__module__': '__main__'}).entry()", "cls"),
        ("make(max)()", ""),
        ("make(lambda: 1)()", "step"),
    ],
)
def test_what_was_typed_in_and_is_no_argument(study, call, held):
    """A class method of a class that was typed in, or a closure around such a function, leads to typed-in code, too."""
    study.repository.write(
        "entries.py",
        f"""{HEAD}
record = record_run("entry", path={str(study.results)!r}, debug_run=False)
class Study:
    @classmethod
    @record
    def entry(cls):
        StrideLength().run()
def make(step):
    @record
    def entry():
        step
        StrideLength().run()
    return entry
""",
    )
    study.repository.commit()
    metadata = study.again("-c", f"from entries import Study, make; {call}")
    assert metadata["entry"]["arguments"] == {}, "the class is none of them, in any version of Python"
    assert codes(metadata) == (["code.unidentified"] if held else [])
    assert [reason.endswith(f" not plain: {held}") for reason in unidentified(metadata).values()] == [True] * bool(held)


# Vouching and tools


@pytest.mark.parametrize("entry", ["settings.py", "~/study/settings.py"])
def test_the_user_vouches_for_a_file(study, tmp_path, entry):
    """What only git_dirty_ignore vouches for is stored with its hash, and told wherever the run is told."""
    study.repository.write("settings.py", "BIAS = 41")
    options = f", git_dirty_ignore=[{entry!r}]"
    metadata = study.run("import settings", options, env={"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)})
    assert codes(metadata) == []
    (vouched,) = metadata["code"]["vouched"]
    assert vouched["sha256"] == hashlib.sha256(b"BIAS = 41").hexdigest()
    assert "(official, 1 file vouched for)" in metadata["stderr"]


def test_code_that_is_generated_while_it_runs(study, tmp_path):
    """A module that a library writes to a folder of its own and imports is in no repository; the user may vouch."""
    before = f"""
        import dataclasses, pathlib
        folder = pathlib.Path({str(tmp_path / "generated")!r})
        folder.mkdir()
        (folder / "kernel_1.py").write_text("A = 1")
        sys.path.append(str(folder))
        import kernel_1
        made = dataclasses.make_dataclass("Made", ["x"])(1)
        """
    metadata = study.run(before, f", git_dirty_ignore=[{str(tmp_path / 'generated')!r}]")
    assert unidentified(metadata) == {}
    assert [Path(each["path"]).name for each in metadata["code"]["vouched"]] == ["kernel_1.py"]


def test_tools_around_the_run_cost_no_grade(study, tmp_path):
    """A debugger's files are stored, where they lie in no work tree."""
    helpers = tmp_path / "ide"
    (helpers / "pydevd_plugins").mkdir(parents=True)
    (helpers / "pydevd_plugins" / "__init__.py").touch()
    metadata = study.run("import pydevd_plugins", path=(helpers,))
    assert codes(metadata) == []
    assert [Path(each["path"]).parent.name for each in metadata["code"]["tooling"]] == ["pydevd_plugins"]
    for name in ("sitecustomize", "usercustomize", "debugpy", "backend_interagg"):
        assert file_origin(str(helpers / f"{name}.py"), name, 0.0).kind == "tool"
    assert file_origin(str(helpers / "pydevd.py"), "__main__", 0.0).kind == "tool"
    # A file of the user's that is called like one, or like a package that is installed as any other.
    assert file_origin(str(helpers / "filters" / "debugpy.py"), "filters.debugpy", 0.0).kind == "open"
    assert file_origin(str(helpers / "xdist.py"), "xdist", 0.0).kind == "open"


def test_without_git_the_code_is_not_checked(study):
    """The record and the line after saving say so."""
    study.repository.write("settings.py", "BIAS = 41")
    metadata = study.run("import settings", ", use_git=False")
    assert (codes(metadata), metadata["code"]) == ([], None)
    assert "(official, code not checked)" in metadata["stderr"]


# The versions


@pytest.mark.parametrize(("used", "noted"), [("9.9.1", True), ("1.0+local", False), ("v1.0.0", False)])
def test_another_version_than_the_listed_one(study, site, used, noted):
    """A vendored copy that is imported instead of the installed package is noted with both versions."""
    install(site, "gaitlib", {"gaitlib/__init__.py": "__version__ = '1.0'\n"})
    study.repository.write("vendor/gaitlib/__init__.py", f"__version__ = '{used}'\n")
    metadata = study.run("sys.path.insert(0, 'vendor')\nimport gaitlib", path=(site,))
    errors = [each["error"] for each in metadata["collection_errors"]]
    assert [f"gaitlib {used}" in error and "1.0 is listed" in error for error in errors] == [True] * noted
    assert ("gaitlib" in metadata["stderr"]) is noted


def test_another_version_of_a_package_with_another_name(study, site):
    """A vendored copy of `sklearn` hides an installed scikit-learn, which is listed under its own name."""
    install(site, "scikit_learn", {"sklearn/__init__.py": "__version__ = '1.0'\n"})
    study.repository.write("vendor/sklearn/__init__.py", "__version__ = '0.9'\n")
    metadata = study.run("sys.path.insert(0, 'vendor')\nimport sklearn", path=(site,))
    (error,) = [each["error"] for each in metadata["collection_errors"]]
    assert "scikit_learn 0.9" in error
    assert "1.0 is listed" in error


# The real thing


def test_a_real_environment(tmp_path):
    """Nothing that the environment of the tests has installed is unidentified."""
    script = (
        "import json, sys\n"
        "from gaitmap_results.provenance.loaded_code import CodeQuestion, audit_loaded_code\n"
        "import click, rich, orjson, psutil, wrapt, email.mime.text, xml.dom.minidom\n"
        "code = audit_loaded_code(CodeQuestion(None, None, (), None, None, {}))\n"
        "print(json.dumps([each.file for each in code.unidentified]))\n"
    )
    done = run_python("-c", script, cwd=tmp_path)
    assert json.loads(done.stdout) == []
