"""`ghostpose postprocess`: group, track, and commit pose messages."""

from __future__ import annotations

from typing import Final

from app.cli import options

EXAMPLES: Final = "Example: ghostpose postprocess --redis redis://10.0.0.5"


def postprocess(
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    metrics: options.Metrics = None,
) -> None:
    """Hold a share of the partitions and commit their cameras' poses in order, until SIGTERM."""
    from app.stopping import stop_event

    stop = stop_event()
    from app.endpoint import endpoint
    from app.settings import read_config
    from postprocess.loop import run_postprocess
    from postprocess.options import PostprocessOptions

    settings = read_config(config, redis={"url": redis}, metrics={"listen": metrics})
    with endpoint(settings.metrics.listen, ["postprocess"]):
        chosen = PostprocessOptions(
            traces_url=settings.metrics.traces, trace_every=settings.metrics.trace_every
        )
        run_postprocess(
            settings.redis.url,
            stop,
            chosen,
            partitions=settings.redis.partitions,
            budget_mb=settings.redis.budget_mb,
        )
