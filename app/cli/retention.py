"""`ghostpose retention`: remove what is too old or too much from the store."""

from __future__ import annotations

from typing import Any, Final

from app.cli import options
from app.cli.doing import do

EXAMPLES: Final = "Example: ghostpose retention --keep-days 30 --store sqlite:///poses.sqlite"


def retention(
    keep_days: options.KeepDays = None,
    max_gb: options.MaxGb = None,
    config: options.ConfigFile = None,
    store: options.StoreUrl = None,
    redis: options.RedisUrl = None,
    jobs: options.Jobs = None,
    queue: options.Queue = False,
    wait: options.Wait = False,
    as_json: options.AsJson = False,
) -> None:
    """Remove the oldest frames at once, in small steps; stores may go on writing meanwhile."""
    from app.jobs.requests import Retain
    from app.jobs.ways import way_of
    from app.settings import updated

    way = way_of(config, redis=redis, store=store, jobs=jobs, queue=queue, wait=wait)
    kept = updated(way.config.store, {"keep_days": keep_days, "max_gb": max_gb})
    request = Retain(keep_days=kept.keep_days, max_gb=kept.max_gb)
    do("retention", request, way, _sentence, as_json=as_json)


def _sentence(result: dict[str, Any]) -> str:
    return (
        f"removed {result['frames']} frames and {result['people']} poses in them;"
        f" {result['used_bytes'] / 1e6:.1f} MB are in use of"
        f" {result['file_bytes'] / 1e6:.1f} MB on disk"
    )
