"""Which files jobs may name: those within a worker's folders, whatever links lead to them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.jobs.bounds import check_within, resolved_folders
from app.jobs.perform import perform
from app.jobs.progress import Progress
from app.jobs.requests import (
    Analyze,
    ExportResults,
    Render,
    Report,
    Retain,
    Selection,
    Site,
)
from ghostpose.config import CameraConfig
from ghostpose.errors import ConfigError, GhostposeError

if TYPE_CHECKING:
    from job_support import Command

    from app.jobs.requests import AnyRequest
    from ghostpose.bus import EmbeddedServer


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    """The folder that jobs may use, by a link to it, with links in it that lead out."""
    (tmp_path / "real" / "pictures").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.mp4").touch()
    (tmp_path / "inside").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "way-out").symlink_to(tmp_path / "outside")
    (tmp_path / "real" / "video.mp4").symlink_to(tmp_path / "outside" / "a.mp4")
    (tmp_path / "real" / "pictures" / "1.png").symlink_to(tmp_path / "outside" / "a.mp4")
    (tmp_path / "real" / "circle").symlink_to(tmp_path / "real" / "circle")
    return tmp_path / "inside"


def analysis(source: str) -> Analyze:
    return Analyze(camera=CameraConfig(name="hall", source=source, policy="every"))


def export(output: Path) -> ExportResults:
    return ExportResults(selection=Selection(), format="csv", output=output)


def render(source: Path, output: Path) -> Render:
    return Render(camera=CameraConfig(name="hall", source=str(source)), output=output)


def test_what_is_within_the_folders_is_allowed_and_without_folders_all(inside: Path) -> None:
    folders = resolved_folders([inside])
    for request in (
        analysis(str(inside / "new.mp4")),
        analysis(f"folder:{inside}?fps=5"),
        analysis("pattern:frames=3"),
        export(inside / "sub" / "a.csv"),
        render(inside / "a.mp4", inside / "b.mp4"),
        Report(selection=Selection(), output=inside / "a.html"),
        Retain(keep_days=3),
    ):
        check_within(request, folders)
    check_within(analysis("/etc/passwd"), ())


def test_what_is_outside_is_refused_in_one_sentence(inside: Path) -> None:
    outside = inside.parent / "outside"
    folders = resolved_folders([inside, inside / "pictures"])
    requests: tuple[AnyRequest, ...] = (
        analysis(str(outside / "a.mp4")),
        analysis(str(inside / "video.mp4")),
        analysis(f"file:{inside}/../outside/a.mp4"),
        analysis(str(inside / "pictures")),
        analysis("rtsp://10.0.0.5/live"),
        analysis("http://10.0.0.5/${file:/etc/passwd}"),
        analysis("${file:/etc/passwd}"),
        analysis("/dev/video0"),
        export(outside / "a.csv"),
        export(inside / "way-out" / "a.csv"),
        export(inside / "circle"),
        export(inside.parent / "inside-too" / "a.csv"),
        render(outside / "a.mp4", inside / "b.mp4"),
        render(inside / "a.mp4", inside / "way-out" / "b.mp4"),
        Report(selection=Selection(), output=inside / ".." / "a.html"),
    )
    for request in requests:
        with pytest.raises(ConfigError) as caught:
            perform(request, Site("redis://nowhere", None, folders), Progress(lambda _: None))
        assert "\n" not in str(caught.value)
        assert any(
            words in str(caught.value)
            for words in ("outside of the folders", "plays only files", "can't be the name")
        ), request


def test_no_output_takes_the_place_of_the_store_that_it_comes_from(
    store_url: str, ghostpose: Command, tmp_path: Path
) -> None:
    store = tmp_path / "poses.sqlite"
    shutil.copy(store_url.removeprefix("sqlite:///"), store)
    held = store.read_bytes()
    (tmp_path / "link.csv").symlink_to(store)
    (tmp_path / "same.csv").hardlink_to(store)
    (tmp_path / "folder").symlink_to(tmp_path)
    for name in ("poses.sqlite", "link.csv", "same.csv", "folder/poses.sqlite-wal"):
        how = ("--format", "csv", "--output", tmp_path / name)
        said = ghostpose("export-results", "--store", f"sqlite:///{store}", *how, code=2)
        assert "the store is in this file: give another name" in said
    assert store.read_bytes() == held
    video, site = tmp_path / "a.mp4", Site("redis://nowhere", f"sqlite:///{store}", (tmp_path,))
    for request in (render(video, store), Report(selection=Selection(), output=store)):
        with pytest.raises(ConfigError, match="the store is in this file"):
            perform(request, site, Progress(lambda _: None))


@given(st.text(max_size=80).map(lambda text: f"/x/{text}"))
def test_whatever_stands_for_a_source_is_judged_or_refused(source: str) -> None:
    try:
        camera = CameraConfig(name="hall", source=source, policy="every")
    except ValueError:
        return
    with pytest.raises(GhostposeError):
        check_within(Analyze(camera=camera), (Path("/nowhere"),))


def test_a_folder_of_a_worker_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        resolved_folders([tmp_path / "no"])


@pytest.mark.parametrize("by_option", [True, False])
def test_a_worker_is_given_folders_by_options_or_else_by_its_configuration(
    by_option: bool,
    server: EmbeddedServer,
    inside: Path,
    ghostpose: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sites: list[Site] = []
    monkeypatch.setattr("app.jobs.worker.work", lambda _, site, **__: sites.append(site))
    config = inside / "site.yaml"
    config.write_text(f"jobs: {{folders: ['{inside / 'pictures' if by_option else inside}']}}")
    option = ("--folder", inside) if by_option else ()
    ghostpose("jobs", "work", "--redis", server.url, "--config", config, *option)
    assert [site.folders for site in sites] == [(inside.resolve(),)]
