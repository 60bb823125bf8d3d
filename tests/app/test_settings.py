"""Options of the command line over a configuration file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from app.settings import read_config, threads_each, with_cameras, worker_options
from ghostpose.config import GhostposeConfig, InferenceConfig
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def test_an_option_that_was_given_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("inference: {engine: openvino, threads: 3}\nredis: {url: 'redis://a'}\n")
    config = read_config(path, inference={"engine": "torch", "threads": None})
    assert (config.inference.engine, config.inference.threads) == ("torch", 3)
    assert "url" in config.redis.model_fields_set


def test_a_live_source_begins_as_one_and_not_as_a_recording() -> None:
    live, clip = with_cameras(
        GhostposeConfig(), ["rtsp://host/live", "clip.mp4"], {}, new={"policy": "every"}
    ).cameras
    assert (live.policy, live.reopens) == ("latest", True)
    assert (clip.policy, clip.reopens) == ("every", False)


def test_without_a_file_or_options_nothing_counts_as_set() -> None:
    config = read_config(None, redis={"url": None})
    assert config == GhostposeConfig()
    assert "url" not in config.redis.model_fields_set


def test_sources_become_cameras_named_after_their_files() -> None:
    config = with_cameras(GhostposeConfig(), ["a/x.mp4", "b/x.mp4"], {"height": 400})
    assert [(c.name, c.height) for c in config.cameras] == [("x", 400), ("x-2", 400)]


def test_what_only_new_cameras_begin_with_yields_to_options() -> None:
    first = with_cameras(GhostposeConfig(), ["a.mp4"], {}, new={"policy": "every", "credit": 9})
    both = with_cameras(first, ["b.mp4"], {"policy": "latest"}, new={"policy": "every"})
    assert [(c.policy, c.credit) for c in both.cameras] == [("latest", 9), ("latest", 4)]


@pytest.mark.parametrize(
    ("given", "words"),
    [({"height": 1}, "--height: input should be greater"), ({"fps": 0}, "--fps: input should")],
)
def test_an_option_out_of_range_is_named(given: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        with_cameras(GhostposeConfig(), ["a.mp4"], given)


def test_sizes_to_compile_for_are_width_and_height() -> None:
    inference = InferenceConfig(expect=("656x368", "91x61"))
    assert worker_options(GhostposeConfig(inference=inference)).expect == ((656, 368), (91, 61))


@pytest.mark.parametrize("size", ["656", "656x", "0x368", "656 x 368", "99999x368", "x"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(ValidationError, match="expect"):
        InferenceConfig(expect=(size,))


@pytest.mark.parametrize(
    ("processes", "threads", "cores", "each"),
    [(1, 0, 8, 8), (3, 0, 8, 2), (9, 0, 8, 1), (2, 5, 8, 5)],
)
def test_processes_share_the_cores(processes: int, threads: int, cores: int, each: int) -> None:
    inference = InferenceConfig(processes=processes, threads=threads)
    assert threads_each(GhostposeConfig(inference=inference), cores) == each


def test_a_deterministic_process_has_one_thread_unless_told_otherwise() -> None:
    plain = GhostposeConfig(inference=InferenceConfig(deterministic=True))
    told = GhostposeConfig(inference=InferenceConfig(deterministic=True, threads=3))
    assert (worker_options(plain).threads, worker_options(told).threads) == (1, 3)
