"""Doing what a request asks for, in this process: the same for a command and for a job."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.jobs.bounds import check_store_is_spared, check_within
from app.jobs.requests import Analyze, ExportResults, Render, Report, Retain, Site
from ghostpose.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.jobs.progress import Progress
    from app.jobs.requests import AnyRequest

Result = dict[str, Any]
"""What came of a request, as JSON values."""


def perform(
    request: AnyRequest,
    site: Site,
    progress: Progress,
    *,
    former: int | None = None,
    opened: Callable[[int], None] = lambda _: None,
) -> Result:
    """Do it, and tell how far that has come to the last.

    An analysis goes on with session `former`, if the server still knows it, and tells `opened` the
    number of the session that it plays.

    Raises:
        GhostposeError: what was wrong, in one sentence.
    """
    check_within(request, site.folders)
    check_store_is_spared(request, site.store_url)
    result = _perform(request, site, progress, former, opened)
    progress.end()
    return result


def _perform(
    request: AnyRequest,
    site: Site,
    progress: Progress,
    former: int | None,
    opened: Callable[[int], None],
) -> Result:
    """Do it; import what it needs only now."""
    match request:
        case Analyze():
            return _analyze(request, site, progress, former, opened)
        case ExportResults():
            from app.jobs.exports import export_results

            return asdict(export_results(request, site.store_url, progress))
        case Render():
            from app.jobs.render import render

            return asdict(render(request, site.store_url, progress))
        case Report():
            from app.jobs.report import write_report

            return asdict(write_report(request, site.store_url, progress))
        case Retain():
            from app.jobs.retention import retain

            return asdict(retain(request, site.store_url, progress))


def _analyze(
    request: Analyze,
    site: Site,
    progress: Progress,
    former: int | None,
    opened: Callable[[int], None],
) -> Result:
    """Play in this process: whoever kills it leaves the session open, to be gone on with."""
    from app.jobs.analysis import analyse, check_stored
    from ingest.loop import CameraLoop

    camera = request.camera
    if camera.reopens or camera.loop:
        raise ConfigError(f"camera {camera.name}: it has no end, and only recordings are analysed")
    loop = CameraLoop(camera, site.redis_url, threading.Event(), None, former, opened)
    done = analyse(camera, site.redis_url, loop.run, progress, former=former)
    if site.store_url is not None:
        check_stored(done, site.store_url)
    return asdict(done)
