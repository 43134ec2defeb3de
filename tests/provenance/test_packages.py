"""The list of the installed packages."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import types
import zipfile

import pytest

from gaitmap_results.provenance.package_versions import versions_in_use
from gaitmap_results.provenance.packages import installed_packages

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows any byte in a file name")


def add(folder, name, version, *, direct_url=None, spelling=None, header="Metadata-Version: 2.1\n"):
    """Install a package without any code into a folder."""
    info = folder / f"{spelling or name}-{version}.dist-info"
    info.mkdir(parents=True)
    body = "Summary: nothing\n\nVersion: 99 stands in the description\n" + "words " * 3000
    (info / "METADATA").write_text(f"{header}Name: {name}\nVersion: {version}\n{body}")
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return info


def packages_of(*folders):
    """List the packages of these folders."""
    return installed_packages([str(folder) for folder in folders])


def test_three_hundred_packages(tmp_path):
    """Every package is listed under its own spelling, sorted as people sort."""
    expected = {f"{'Fake' if i % 2 else 'fake'}.Package_{i:03}": f"1.{i}" for i in range(300)}
    for name, version in expected.items():
        add(tmp_path, name, version, spelling=name.lower().replace(".", "_"))
        (tmp_path / name.lower()).mkdir()
    packages = packages_of(tmp_path)
    assert packages.versions == expected
    assert list(packages.versions) == sorted(expected, key=str.lower)
    assert (packages.direct_urls, packages.shadowed, packages.problems) == ({}, {}, ())


def test_it_agrees_with_python_about_the_real_environment():
    """The versions of the environment that runs the tests are those that Python's own, slower way gives."""
    expected = {}
    for distribution in importlib.metadata.distributions():
        if distribution.metadata["Name"] is not None:
            expected.setdefault(distribution.metadata["Name"].lower(), distribution.version)
    assert {name.lower(): version for name, version in installed_packages().versions.items()} == expected


@pytest.mark.skipif(os.name != "posix", reason="needs named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path):
    """Metadata that are no file cost only themselves, and not the rest of the day."""
    info = add(tmp_path, "package", "1.0")
    for name in ("pipe-1.dist-info/METADATA", "other-1.egg-info/PKG-INFO", f"{info.name}/direct_url.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / name)
    packages = packages_of(tmp_path)
    assert packages.versions == {"other": None, "package": "1.0", "pipe": None}
    assert len(packages.problems) == 3


def test_a_change_is_seen_at_once(tmp_path):
    """A package that was updated between two runs in one notebook has its new version in the second."""
    info = add(tmp_path, "package", "1.0")
    assert packages_of(tmp_path).versions == {"package": "1.0"}
    stat = info.stat()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: package\nVersion: 2.0\n")
    os.utime(info, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert packages_of(tmp_path).versions == {"package": "2.0"}


def test_an_old_folder_is_read_once_and_again_after_an_installation(tmp_path):
    """What a folder lists is kept while nothing is installed there, and an update is seen at once."""
    info = add(tmp_path, "package", "1.0")
    add(tmp_path, "other", "1.0")
    os.utime(tmp_path, (1e9, 1e9))
    assert packages_of(tmp_path).versions == {"other": "1.0", "package": "1.0"}
    (tmp_path / "other-1.0.dist-info" / "METADATA").unlink()
    assert packages_of(tmp_path).versions["other"] == "1.0"
    info.rename(tmp_path / "package-2.0.dist-info")
    add(tmp_path, "third", "1.0")
    (tmp_path / "package-2.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: package\nVersion: 2.0\n")
    assert packages_of(tmp_path).versions["package"] == "2.0"


def test_the_first_on_the_path_wins(tmp_path):
    """The version that Python imports is stored, however the name is spelled, and the hidden ones beside it."""
    add(tmp_path / "one", "Gait_Map", "1.0")
    add(tmp_path / "two", "gait-map", "9.9")
    add(tmp_path / "three", "gait.map", "0.1")
    packages = packages_of(tmp_path / "one", tmp_path / "two", tmp_path / "three")
    assert packages.versions == {"Gait_Map": "1.0"}
    assert packages.shadowed == {"Gait_Map": ["9.9", "0.1"]}


def test_a_folder_that_is_twice_on_the_path_counts_once(tmp_path):
    """Neither a repeated entry nor another way to the same folder makes a package hide itself."""
    add(tmp_path / "lib", "package", "1.0")
    entries = [tmp_path / "lib", tmp_path / "lib" / ".." / "lib"]
    if os.name == "posix":
        (tmp_path / "lib64").symlink_to(tmp_path / "lib")
        entries.append(tmp_path / "lib64")
    packages = packages_of(*entries, tmp_path / "lib")
    assert (packages.versions, packages.shadowed) == ({"package": "1.0"}, {})


def test_an_empty_entry_is_the_working_directory(tmp_path):
    """Python takes an empty entry of its path for the working directory; folders that do not exist are no problem."""
    add(tmp_path, "package", "1.0")
    packages = installed_packages(["", str(tmp_path / "missing")])
    assert packages.versions == {"package": "1.0"}
    assert packages.problems == ()


def test_leftovers_of_pip_are_no_packages(tmp_path):
    """What pip renamed in order to remove it does not count as installed."""
    add(tmp_path, "numpy", "1.26.0", spelling="~umpy")
    add(tmp_path, "pip", "20.0", spelling="-ip")
    add(tmp_path, "numpy", "2.0.0")
    packages = packages_of(tmp_path)
    assert packages.versions == {"numpy": "2.0.0"}
    assert packages.shadowed == {}


def test_a_folder_without_metadata_is_reported(tmp_path):
    """A broken package is listed without a version and named, and everything else is listed all the same."""
    add(tmp_path, "good", "1.0")
    (tmp_path / "my_broken-thing-2.0.dist-info").mkdir()
    (tmp_path / "odd-1.0.dist-info" / "METADATA").mkdir(parents=True)
    packages = packages_of(tmp_path)
    assert packages.versions == {"good": "1.0", "my_broken-thing": None, "odd": None}
    assert len(packages.problems) == 2
    assert "my_broken-thing-2.0.dist-info" in packages.problems[0]
    assert str(tmp_path) not in packages.problems[0]


def test_a_whole_package_is_preferred_to_a_broken_one(tmp_path):
    """What a failed removal left behind does not hide the real version, wherever it lies."""
    (tmp_path / "one" / "package-1.0.dist-info").mkdir(parents=True)
    add(tmp_path / "two", "package", "2.0")
    packages = packages_of(tmp_path / "one", tmp_path / "two")
    assert packages.versions == {"package": "2.0"}
    assert packages.shadowed == {}


def test_two_versions_in_one_folder(tmp_path):
    """After an update that failed half-way, the one that was written last is stored, and it is said."""
    new = add(tmp_path, "package", "10.0")
    old = add(tmp_path, "package", "9.0")
    os.utime(old, (1, 1))
    packages = packages_of(tmp_path)
    assert packages.versions == {"package": "10.0"}
    assert packages.shadowed == {"package": ["9.0"]}
    assert "more than once" in packages.problems[0]
    os.utime(new, (0, 0))
    assert packages_of(tmp_path).versions == {"package": "9.0"}


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b"Metadata-Version: 2.1\nName: package\n", None),
        (b"Metadata-Version: 2.1\r\nName: package\r\nVersion: 1.5\r\n\r\ntext", "1.5"),
        (b"Metadata-Version: 2.1\r\nSummary: x\r\nname: package \r\nVERSION:\t1.5 \r\n\r\ntext", "1.5"),
        (b"Metadata-Version: 2.1\nAuthor: Andr\xe9\nName: package\nVersion: 1.5", None),
        (b"Version: 1.5\nLicense: " + b"x" * 20_000 + b"\nName: package\n\nName: other\n", "1.5"),
        (b"Name: package\n\nVersion: 7 is praised in the description\n", None),
        (b"Metadata-Version: 2.1\nName: package\nSummary: long\n        Version: 8\nVersion: 1.5\n", "1.5"),
        (b"", None),
    ],
)
def test_unusual_metadata(tmp_path, content, version):
    """Fields count wherever they stand in the header, and only there; what is missing is None and reported."""
    info = tmp_path / "package-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_bytes(content)
    packages = packages_of(tmp_path)
    assert packages.versions == {"package": version}
    assert bool(packages.problems) == (version is None)


@on_linux
def test_names_that_are_no_text_can_be_stored(tmp_path):
    """A file name and a version with bytes that are no text end up as text that can be written as UTF-8."""
    (tmp_path / os.fsdecode(b"caf\xe9-1.0.dist-info")).mkdir()
    other = tmp_path / "other-1.dist-info"
    other.mkdir()
    (other / "METADATA").write_bytes(b"Name: other\nVersion: 1\xe9\n")
    packages = packages_of(tmp_path)
    assert list(packages.versions) == ["caf\\udce9", "other"]
    json.dumps([packages.versions, packages.problems], ensure_ascii=False).encode("utf-8")


def test_older_ways_to_install(tmp_path):
    """Packages that are described by egg-info folders and files are listed too."""
    folder = tmp_path / "foldered.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: Foldered\nVersion: 1.0\n")
    (tmp_path / "filed-2.0-py3.10.egg-info").write_text("Metadata-Version: 1.1\nName: filed\nVersion: 2.0\n")
    egg = tmp_path / "egged-3.0-py3.10.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "EGG-INFO" / "PKG-INFO").write_text("Metadata-Version: 1.1\nName: egged\nVersion: 3.0\n")
    (tmp_path / "only-called-like-one.egg").mkdir()
    packages = packages_of(tmp_path, egg, tmp_path / "only-called-like-one.egg")
    assert packages.versions == {"egged": "3.0", "filed": "2.0", "Foldered": "1.0"}
    assert packages.problems == ()


def test_zip_files_on_the_path(tmp_path):
    """Packages inside a zip file are listed, a damaged zip file is reported, and another file is none."""
    with zipfile.ZipFile(tmp_path / "good.zip", "w") as archive:
        archive.writestr("zipped-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: zipped\nVersion: 1.0\n\nx")
        archive.writestr("zipped-1.0.dist-info/RECORD", "")
        archive.writestr("deep/inside-1.0.dist-info/METADATA", "Name: inside\nVersion: 1.0\n")
    with zipfile.ZipFile(tmp_path / "old.egg", "w") as archive:
        archive.writestr("EGG-INFO/PKG-INFO", "Metadata-Version: 1.1\nName: egged\nVersion: 2.0\n")
    content = bytearray((tmp_path / "good.zip").read_bytes())
    content[:4] = b"XXXX"
    (tmp_path / "bad.zip").write_bytes(content)
    (tmp_path / "no.zip").write_text("nothing")
    packages = packages_of(*(tmp_path / name for name in ("bad.zip", "good.zip", "old.egg", "no.zip")))
    assert packages.versions == {"egged": "2.0", "zipped": "1.0"}
    assert len(packages.problems) == 1
    assert "bad.zip" in packages.problems[0]


@pytest.mark.skipif(os.name != "posix", reason="needs links that lead to themselves")
def test_a_folder_that_cannot_be_read_is_reported(tmp_path):
    """A folder on the path that the system refuses to open costs only itself."""
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    add(tmp_path / "good", "package", "1.0")
    packages = installed_packages([str(tmp_path / "loop"), "with\0nul", "x" * 5000, str(tmp_path / "good")])
    assert packages.versions == {"package": "1.0"}
    assert len(packages.problems) == 3
    assert str(tmp_path) not in "".join(packages.problems)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (
            {"dir_info": {"editable": True}, "url": "file:///home/me/gait%20map"},
            {"url": "file:///home/me/gait%20map", "editable": True},
        ),
        ({"dir_info": {}, "url": "file:///data/gait"}, {"url": "file:///data/gait", "editable": False}),
        (
            {
                "url": "https://user:token@example.org/group/gait.git?key=secret#x",
                "vcs_info": {"vcs": "git", "commit_id": "abc", "requested_revision": "main"},
                "subdirectory": "python",
            },
            {
                "url": "https://example.org/group/gait.git",
                "editable": False,
                "vcs": "git",
                "commit": "abc",
                "requested_revision": "main",
                "subdirectory": "python",
            },
        ),
        (
            {"url": "https://example.org/gait.whl", "archive_info": {"hashes": {"sha256": "12ab"}}},
            {"url": "https://example.org/gait.whl", "editable": False, "archive_hash": "sha256=12ab"},
        ),
        (
            {"url": "https://example.org/gait.whl", "archive_info": {"hash": "sha256=12ab"}},
            {"url": "https://example.org/gait.whl", "editable": False, "archive_hash": "sha256=12ab"},
        ),
    ],
)
def test_where_a_package_comes_from(tmp_path, stated, expected):
    """The source of a package that is no release is stored without anything secret in its address."""
    add(tmp_path, "Gait", "1.0", direct_url=stated)
    packages = packages_of(tmp_path)
    assert packages.direct_urls == {"Gait": expected}
    assert packages.problems == ()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"url": 3}', b'{"url": "x", "vcs_info": 3}', b"\xff", b"[" * 10**5]
)
def test_a_damaged_source_is_reported(tmp_path, content):
    """A source that cannot be read costs only itself: the version is still known."""
    info = add(tmp_path, "gait", "1.0")
    (info / "direct_url.json").write_bytes(content)
    packages = packages_of(tmp_path)
    assert (packages.versions, packages.direct_urls) == ({"gait": "1.0"}, {})
    assert "direct_url.json of gait-1.0.dist-info" in packages.problems[0]


def test_the_source_of_a_hidden_package_is_not_that_of_the_imported_one(tmp_path):
    """A copy that comes first on the path does not inherit where a hidden one was installed from."""
    add(tmp_path / "one", "gait", "1.0")
    add(tmp_path / "two", "gait", "1.0", direct_url={"dir_info": {"editable": True}, "url": "file:///elsewhere"})
    assert packages_of(tmp_path / "one", tmp_path / "two").direct_urls == {}


@pytest.mark.parametrize("layout", ["", "src"])
def test_a_project_that_comes_before_its_own_installation(tmp_path, layout):
    """A project's own folder on the path is still known to be editable, as its installation says."""
    project = tmp_path / "a project"
    (project / layout / "gait.egg-info").mkdir(parents=True)
    (project / layout / "gait.egg-info" / "PKG-INFO").write_text("Name: gait\nVersion: 1.0\n")
    add(tmp_path / "site", "gait", "1.0", direct_url={"dir_info": {"editable": True}, "url": project.as_uri()})
    packages = packages_of(project / layout, tmp_path / "site")
    assert packages.versions == {"gait": "1.0"}
    assert packages.direct_urls == {"gait": {"url": project.as_uri(), "editable": True}}


def test_what_is_imported_may_differ_from_what_is_listed(tmp_path, monkeypatch):
    """A module that states another version than the listed one is named, until it is loaded again in its place."""
    module = types.ModuleType("shin")
    module.__version__, module.__file__ = "1.0", str(tmp_path / "shin.py")
    monkeypatch.setitem(sys.modules, "shin", module)
    listed = {"Shin": "2.0", "other": "1.0"}
    assert versions_in_use(listed) == versions_in_use(listed) == (("Shin", "1.0", "2.0"),)
    module.__version__ = "v2.0.0+local"
    assert versions_in_use(listed) == ()
    assert versions_in_use({"Shin": "3.0"}) == (("Shin", "v2.0.0+local", "3.0"),)


@pytest.mark.parametrize("file", ["gaitlib/__init__.py", "gaitlib.py"])
def test_some_packages_number_their_modules_differently(tmp_path, monkeypatch, file):
    """A module in the place of the listed package is not held against its version, be it a folder or a file."""
    info = tmp_path / "gaitlib-2.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text(f"{file},,\n", encoding="utf-8")
    os.utime(info / "RECORD", (0, 0))  # installed before Python started
    module = types.ModuleType("gaitlib")
    module.__version__, module.__file__ = "1.0", str(tmp_path / file)
    monkeypatch.setitem(sys.modules, "gaitlib", module)
    listed = {"gaitlib": "2.0"}
    assert versions_in_use(listed) == ()
    module.__file__ = str(tmp_path / "elsewhere" / file)
    assert versions_in_use(listed) == (("gaitlib", "1.0", "2.0"),)
