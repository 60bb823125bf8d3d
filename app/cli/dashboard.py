"""`ghostpose dashboard`: the page that shows cameras and processes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = (
    "Examples: ghostpose dashboard --redis redis://10.0.0.5;"
    " ghostpose dashboard 0.0.0.0:443 --tokens tokens.txt --certificate site.pem"
)


def dashboard(
    listen: Annotated[
        str | None,
        typer.Argument(metavar="HOST:PORT", help="Where to listen [default: 127.0.0.1:8642]"),
    ] = None,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    store: options.StoreUrl = None,
    jobs: options.Jobs = None,
    metrics: options.Metrics = None,
    tokens: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Hashed tokens, as ghostpose dashboard-token writes"),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Certificate (PEM) to serve https by")
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM)")
    ] = None,
) -> None:
    """Serve the page until SIGTERM: cameras live, processes, dead letters.

    Without tokens only this machine is let in.
    """
    from app.stopping import stop_event

    stop = stop_event()
    from app.dashboard.serving import LOOPS, ROLE, run_dashboard
    from app.endpoint import endpoint
    from app.jobs.ways import jobs_url_of
    from app.settings import read_config

    given = {"listen": listen, "tokens": tokens, "certificate": certificate, "key": key}
    settings = read_config(
        config,
        redis={"url": redis},
        store={"url": store},
        dashboard=given,
        metrics={"listen": metrics},
    )
    with endpoint(settings.metrics.listen, [ROLE], LOOPS):
        run_dashboard(
            settings.redis.url,
            settings.dashboard,
            stop,
            jobs_url=jobs_url_of(settings, jobs),
            store_url=settings.store.url,
        )
