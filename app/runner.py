"""What `ghostpose run` and `ghostpose demo` share: look first, run, then draw."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.collect import POSES_FILE
from app.folders import make_output
from app.pipeline import Pipeline, RunResult, probe_all
from app.stopping import StopAskedError, stop_signals_raised
from ghostpose.errors import ConfigError
from ghostpose.live import is_live
from ingest.prepare import plan_for
from workers.engines.protocol import MAX_SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from rich.progress import Progress

    from app.summary import CameraTally
    from ghostpose.config import GhostposeConfig
    from ingest.sources import SourceInfo


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run as the user wants it.

    `embedded`: with a server of its own; `annotate`: draw after; `child_options`: what the command
    line said before the subcommand, for every process of the run; `watch` is shown what came so far
    again and again, until the run is to stop.
    """

    config: GhostposeConfig
    output: Path | None
    embedded: bool
    annotate: bool = False
    child_options: tuple[str, ...] = ()
    watch: Callable[[Mapping[str, CameraTally]], None] = lambda _: None


def run_request(request: RunRequest) -> RunResult:
    """Look at all sources, run them to their end, draw what was asked for.

    A stop signal ends the program while it looks at the sources, since nothing has begun then;
    drains the run; and ends the drawing, whose poses are all there.

    Raises:
        ConfigError: there is nothing to run, no place to draw to, or the page can't be served so.
        SourceError: a source can't be opened; nothing was started.
    """
    _check(request)
    found = _looked_at(request.config)
    config = _expecting(request.config, found)
    if request.output is not None:
        _make_place_for_poses(request.output)
    with _shown(found) as (say, progress):
        pipeline = Pipeline(
            config,
            request.output,
            request.embedded,
            say,
            progress,
            request.child_options,
            request.watch,
        )
        result = pipeline.run()
    if request.annotate and request.output is not None:
        _draw(request.config, request.output)
    return result


def _looked_at(config: GhostposeConfig) -> Mapping[str, SourceInfo]:
    try:
        with stop_signals_raised():
            return probe_all(config)
    except StopAskedError as asked:
        raise SystemExit(asked.exit_code) from None


def _expecting(config: GhostposeConfig, found: Mapping[str, SourceInfo]) -> GhostposeConfig:
    """Have the network compiled for the recordings' sizes while their first frames are read."""
    if config.inference.expect:
        return config
    plans = [
        plan_for(camera, found[camera.name].width, found[camera.name].height)
        for camera in config.cameras
        if camera.name in found
    ]
    sizes = dict.fromkeys(f"{plan.width}x{plan.height}" for plan in plans)
    expect = tuple(sizes)[:MAX_SHAPES]
    inference = config.inference.model_copy(update={"expect": expect})
    return config.model_copy(update={"inference": inference})


def _draw(config: GhostposeConfig, output: Path) -> None:
    from app.annotate import annotate_all

    try:
        with stop_signals_raised():
            annotate_all(config.cameras, output)
    except StopAskedError:
        _plain(f"ghostpose: drawing was stopped: the videos in {output} are not complete")


def _check(request: RunRequest) -> None:
    if not request.config.cameras:
        raise ConfigError("nothing to run: give a video file, a folder of pictures, or --config")
    if request.annotate and request.output is None:
        raise ConfigError("--annotate needs --output DIR, where the drawn videos go")
    live = [camera.name for camera in request.config.cameras if is_live(camera.source)]
    if request.annotate and live:
        raise ConfigError(
            f"camera {live[0]}: it is live, and --annotate plays recordings a second time: leave"
            " --annotate out"
        )
    if request.config.dashboard.listen is not None:
        from app.dashboard.serving import checked_listen, read_tokens

        tokens = read_tokens(request.config.dashboard)
        checked_listen(request.config.dashboard, is_open=not tokens)
    never = [camera.name for camera in request.config.cameras if camera.pixels == "never"]
    if request.annotate and never:
        raise ConfigError(
            f"camera {never[0]}: its pixels are 'never' to be kept, and --annotate writes pictures:"
            " leave --annotate out"
        )


def _make_place_for_poses(folder: Path) -> None:
    make_output(folder)
    try:
        (folder / POSES_FILE).open("ab").close()
    except OSError as error:
        raise ConfigError(
            f"--output {folder}: {POSES_FILE} can't be written there: {error.strerror}"
        ) from error


@contextmanager
def _shown(
    found: Mapping[str, SourceInfo],
) -> Iterator[tuple[Callable[[str], None], Callable[[Mapping[str, int]], None]]]:
    """Show progress bars on stderr, on a terminal only; sentences go above them."""
    if not sys.stderr.isatty():
        yield _plain, lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        yield _above(bars), _bars(bars, found)


def _plain(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


def _above(bars: Progress) -> Callable[[str], None]:
    return lambda sentence: bars.console.print(sentence, markup=False, highlight=False)


def _bars(bars: Progress, found: Mapping[str, SourceInfo]) -> Callable[[Mapping[str, int]], None]:
    tasks = {name: bars.add_task(name, total=info.frames) for name, info in found.items()}

    def show(poses: Mapping[str, int]) -> None:
        for name, count in poses.items():
            if name not in tasks:  # a live camera, whose end nobody knows
                tasks[name] = bars.add_task(name, total=None)
            bars.update(tasks[name], completed=count)

    return show
