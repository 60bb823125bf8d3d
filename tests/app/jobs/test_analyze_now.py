"""Recordings analysed by one command in a deployment, without a queue; all by itself it is in
test_analyze_again.py."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from job_site import JobSite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from job_support import Command

    from ghostpose.bus import EmbeddedServer

SMALL = "&width=64&height=48"


@pytest.fixture
def site(server: EmbeddedServer, tmp_path: Path) -> Iterator[JobSite]:
    with JobSite(lambda _: server.url, tmp_path) as running:
        yield running


def test_a_deployment_does_several_at_once_and_tells_of_those_that_fail(
    site: JobSite, ghostpose: Command
) -> None:
    videos = (f"pattern:frames=30{SMALL}", "no.mp4", f"pattern:frames=40&seed=2{SMALL}")
    said = ghostpose("analyze", *videos, "--redis", site.url, "--height", "64", "--json", code=2)
    rows = json.loads(next(line for line in said.splitlines() if line.startswith("{")))["videos"]
    assert {name: row.get("poses") for name, row in rows.items()} == {
        "pattern": 30,
        "no": None,
        "pattern-2": 40,
    }
    assert [seq for _, seq in site.stored("pattern")] == list(range(30))
    assert [seq for _, seq in site.stored("pattern-2")] == list(range(40))
    assert said.count("no.mp4") == 2, "a sentence as it fails, and in the JSON"


def test_a_camera_of_the_configuration_lends_its_recording_its_zones(
    site: JobSite, ghostpose: Command, tmp_path: Path
) -> None:
    config = tmp_path / "site.yaml"
    everywhere = "[[0, 0], [64, 0], [64, 48], [0, 48]]"
    config.write_text(
        f"redis: {{url: '{site.url}'}}\n"
        "cameras: [{name: pattern, source: 'rtsp://10.0.0.5/live', height: 64, max_age_ms: 100,"
        f" zones: [{{name: all, polygon: {everywhere}}}]}}]"
    )
    ghostpose("analyze", f"pattern:frames=40&fps=10{SMALL}", "--config", config)
    with closing(sqlite3.connect(site.database)) as database:
        kinds = {kind for (kind,) in database.execute("SELECT kind FROM events")}
    assert "enter" in kinds


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["a.mp4"], "where are the results to be kept?", id="no store"),
        pytest.param(["rtsp://10.0.0.5/live"], "this is live, and has no end", id="live"),
        pytest.param(
            ["pattern:people=2"], "without frames=N a test pattern has no end", id="endless"
        ),
        pytest.param(
            ["pattern:frames=00"], "without frames=N a test pattern has no end", id="no frames"
        ),
        pytest.param(["a.mp4", "--height", "7"], "--height", id="an option"),
        pytest.param(["a.mp4", "--wait"], "add --queue", id="waiting for nothing"),
        pytest.param(
            ["a.mp4", "--queue", "--parallel", "2"], "doesn't go with --queue", id="who decides"
        ),
        pytest.param(["a.mp4", "--parallel", "2"], "plays all at once", id="nothing to decide"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], words: str, ghostpose: Command, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    said = ghostpose("analyze", *arguments, code=2)
    assert words in said
    assert len(said.splitlines()) == 1


def test_a_deployment_in_which_a_role_is_missing_is_told(
    server: EmbeddedServer, ghostpose: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.jobs.analysis.ROLES_S", 0.1)
    said = ghostpose("analyze", "pattern:frames=3", "--redis", server.url, code=2)
    assert "no inference process runs" in said
    assert len(said.splitlines()) == 1
