"""The RO-Crate community's validator takes a bundle for what it says it is; tox runs this in `crate`."""

from __future__ import annotations

import io
import json
import zipfile
from importlib.resources import files

import pytest
from exported_runs import write_whole_run
from run_folders import PUBLISHED, needs_published

from gaitmap_results import recorded_run, write_bundle

services = pytest.importorskip("rocrate_validator.services", reason="roc-validator is installed by tox -e crate only")
pytest.importorskip("rocrate", reason="it ships the context of RO-Crate 1.1")
pytestmark = pytest.mark.filterwarnings("default")  # what others warn about is not ours

HOW = {
    "license": "CC-BY-4.0",
    "authors": "Ada Lovelace <https://orcid.org/0000-0002-1825-0097>; FAU <https://www.fau.eu>",
    "publisher": "Zenodo <https://zenodo.org>",
}
PEOPLE = {"code_authors": ["Grace Hopper", "See source"], "references": ["https://arxiv.org/abs/1711.02508", "[2]"]}


@pytest.fixture(scope="module")
def problems_of(tmp_path_factory):
    """Return what tells the findings of the validator, which reads the context from the package rocrate."""
    import requests
    import urllib3
    from rocrate_validator.models import Severity
    from rocrate_validator.utils.http import HttpRequester

    context = (files("rocrate") / "data" / "ro-crate.jsonld").read_bytes()
    headers = {"Content-Type": "application/ld+json"}

    class Shipped(requests.adapters.BaseAdapter):
        def send(self, request, **_):
            response = requests.Response()
            response.status_code, response.url, response.request = 200, request.url, request
            response.headers.update(headers)
            response.raw = urllib3.HTTPResponse(io.BytesIO(context), headers, 200, preload_content=False)
            return response

        def close(self):
            pass

    cache = str(tmp_path_factory.mktemp("cache") / "http")
    HttpRequester.initialize_cache(cache_path=cache, cache_max_age=-1)
    HttpRequester().session.mount("https://w3id.org/", Shipped())
    HttpRequester().get("https://w3id.org/ro/crate/1.1/context", headers={"Accept": "application/ld+json"})

    def problems(archive, severity):
        settings = services.ValidationSettings(
            rocrate_uri=str(archive),
            profile_identifier="process-run-crate",
            requirement_severity=Severity[severity],
            cache_path=cache,
            offline=True,
        )
        return sorted(f"{each.check.identifier}: {each.message}" for each in services.validate(settings).get_issues())

    return problems


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Return an archive with runs whose names need to be encoded, and all that can be said about them."""
    results = tmp_path_factory.mktemp("valid") / "results"
    run = write_whole_run(results, custom=PEOPLE)
    write_whole_run(results, ["grp", "ü b & c"], is_debug_run=True, git_dirty=True)
    assert run.exists()
    return write_bundle(results, results.parent / "x.zip", **HOW)


def test_nothing_is_missing(archive, problems_of):
    """Where a run has a commit with a remote, nothing that is required or recommended is missing."""
    assert problems_of(archive, "RECOMMENDED") == []


def test_what_is_unknown_is_only_recommended(tmp_path, problems_of):
    """Without a remote, an affiliation or a publisher, and for a failed run, nothing that is required is missing."""
    write_whole_run(tmp_path / "results", git={"remote": None}, git_commit_hash=None)
    with pytest.raises(ZeroDivisionError), recorded_run("broken", path=tmp_path / "results", use_git=False):
        _ = 1 / 0
    archive = write_bundle(
        tmp_path / "results",
        tmp_path / "x.zip",
        license="CC-BY-4.0",
        authors="Ada Lovelace",
        unfinished=True,
        allow_private=True,
    )
    assert problems_of(archive, "REQUIRED") == []
    assert problems_of(archive, "RECOMMENDED") != []


@needs_published
def test_published_runs(tmp_path, problems_of):
    """An archive of the runs of gaitmap_challenges has all that is required and recommended."""
    archive = write_bundle(PUBLISHED, tmp_path / "x.zip", **HOW, allow_private=True)
    assert problems_of(archive, "RECOMMENDED") == []


@pytest.mark.parametrize(
    ("of", "key"), [("CreateAction", "instrument"), ("Dataset", "conformsTo"), ("Dataset", "license")]
)
def test_the_check_bites(archive, problems_of, tmp_path, of, key):
    """An archive from which something required was taken away is refused."""
    with zipfile.ZipFile(archive) as opened, zipfile.ZipFile(tmp_path / "y.zip", "w") as changed:
        for entry in opened.infolist():
            content = opened.read(entry)
            if entry.filename == "ro-crate-metadata.json":
                crate = json.loads(content)
                for entity in crate["@graph"]:
                    if entity["@type"] == of:
                        entity.pop(key, None)
                content = json.dumps(crate).encode()
            changed.writestr(entry, content)
    assert problems_of(tmp_path / "y.zip", "REQUIRED") != []
