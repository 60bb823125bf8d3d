"""`ghostpose store`: keep cameras, sessions, tracks and poses in a database, and look after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from app.cli import options

if TYPE_CHECKING:
    from ghostpose.config import StoreConfig

EXAMPLES: Final = "Example: ghostpose store --redis redis://10.0.0.5 --store sqlite:///poses.sqlite"

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True, epilog=EXAMPLES)
def store(
    context: typer.Context,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    store: options.StoreUrl = None,
    keep_days: options.KeepDays = None,
    max_gb: options.MaxGb = None,
    metrics: options.Metrics = None,
) -> None:
    """Store what all cameras produce until SIGTERM; what the streams hold then is still stored."""
    if context.invoked_subcommand is not None:
        if any(value is not None for value in (config, redis, store, keep_days, max_gb, metrics)):
            raise typer.BadParameter(f"options go behind {context.invoked_subcommand!r}")
        return
    from app.stopping import stop_event

    stop = stop_event()
    from app.endpoint import endpoint
    from app.settings import read_config
    from postprocess.store.retention import Retention
    from postprocess.store.worker import run_store

    given = {"url": store, "keep_days": keep_days, "max_gb": max_gb}
    settings = read_config(config, redis={"url": redis}, store=given, metrics={"listen": metrics})
    with endpoint(settings.metrics.listen, ["store"]):
        run_store(
            settings.redis.url,
            _url(settings.store),
            stop=stop,
            partitions=settings.redis.partitions,
            retention=Retention(settings.store.keep_days, settings.store.max_gb),
        )


@app.command(epilog="Example: ghostpose store migrate --store sqlite:///poses.sqlite")
def migrate(
    config: options.ConfigFile = None,
    store: options.StoreUrl = None,
    to: Annotated[
        int | None, typer.Option(min=1, help="Version of the tables, also an older one")
    ] = None,
) -> None:
    """Change a database's tables to those of this ghostpose, rows and all, or not at all.

    Stop what writes to it first.
    """
    from app.jobs.stored import store_errors_told
    from app.settings import read_config
    from postprocess.store.migrate import migrate as migrate_database
    from postprocess.store.schema import SCHEMA_VERSION

    settings = read_config(config, store={"url": store})
    with store_errors_told():
        done = migrate_database(_url(settings.store), to or SCHEMA_VERSION)
    if done.before == done.now:
        typer.echo(f"{done.database} has tables of version {done.now} already")
    else:
        typer.echo(f"{done.database}: tables of version {done.before} are now of {done.now}")


def _url(settings: StoreConfig) -> str:
    from ghostpose.errors import ConfigError

    if settings.url is None:
        raise ConfigError("no database: give --store URL, or store.url in --config")
    return settings.url
