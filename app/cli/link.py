"""`ghostpose link`: tell which tracks of different cameras are probably one person."""

from __future__ import annotations

from typing import Final

from app.cli import options

EXAMPLES: Final = "Example: ghostpose link --redis redis://10.0.0.5"


def link(
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    metrics: options.Metrics = None,
) -> None:
    """Link tracks of cameras whose `ground` is given, until SIGTERM; never identity."""
    from app.stopping import stop_event

    stop = stop_event()
    from app.endpoint import endpoint
    from app.settings import read_config
    from postprocess.linking import run_link

    settings = read_config(config, redis={"url": redis}, metrics={"listen": metrics})
    with endpoint(settings.metrics.listen, ["link"]):
        run_link(settings.redis.url, stop, partitions=settings.redis.partitions)
