"""`ghostpose store`: keep cameras, sessions, tracks and poses in a database."""

from __future__ import annotations

from typing import Final

from app.cli import options

EXAMPLES: Final = "Example: ghostpose store --redis redis://10.0.0.5 --store sqlite:///poses.sqlite"


def store(
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    store: options.StoreUrl = None,
) -> None:
    """Store what all cameras produce until SIGTERM; what the streams hold then is still stored."""
    from app.stopping import stop_event

    stop = stop_event()
    from app.settings import read_config
    from ghostpose.errors import ConfigError
    from postprocess.store.worker import run_store

    settings = read_config(config, redis={"url": redis}, store={"url": store})
    if settings.store.url is None:
        raise ConfigError("nothing to store to: give --store URL, or store.url in --config")
    run_store(
        settings.redis.url, settings.store.url, stop=stop, partitions=settings.redis.partitions
    )
