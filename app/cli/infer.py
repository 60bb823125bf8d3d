"""`ghostpose infer`: take frames, run the network, publish its maps."""

from __future__ import annotations

from typing import Final

from app.cli import options

EXAMPLES: Final = (
    "Examples: ghostpose infer --redis redis://10.0.0.5;"
    " ghostpose infer --redis redis://10.0.0.5 --engine torch --device cuda --batch 16"
)


def infer(
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    engine: options.Engine = None,
    device: options.Device = None,
    precision: options.Precision = None,
    weights: options.Weights = None,
    threads: options.Threads = None,
    batch: options.Batch = None,
    metrics: options.Metrics = None,
) -> None:
    """Work for all cameras, oldest frame first, until SIGTERM; what was taken is finished."""
    from app.stopping import stop_event

    stop = stop_event()
    from app.endpoint import endpoint
    from app.settings import read_config, worker_options
    from workers.loop import run_inference

    given = {
        "engine": engine,
        "device": device,
        "precision": precision,
        "weights": weights,
        "threads": threads,
        "batch": batch,
    }
    settings = read_config(
        config, redis={"url": redis}, inference=given, metrics={"listen": metrics}
    )
    with endpoint(settings.metrics.listen, ["inference"]):
        run_inference(
            settings.redis.url, worker_options(settings), stop, partitions=settings.redis.partitions
        )
