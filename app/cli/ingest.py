"""`ghostpose ingest`: decode cameras and recordings, and publish their frames."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = (
    "Examples: ghostpose ingest --registry --redis redis://10.0.0.5;"
    " ghostpose ingest --config site.yaml --redis redis://10.0.0.5;"
    " ghostpose ingest clip.mp4 --policy every --height 576"
)


def ingest(
    sources: options.Sources = None,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    policy: options.Policy = None,
    height: options.Height = None,
    fps: options.Fps = None,
    picture: options.Picture = None,
    privacy: options.Privacy = None,
    loop: options.Loop = False,
    registry: Annotated[
        bool,
        typer.Option(
            "--registry",
            help="Play a share of the registry's cameras (ghostpose cameras), whoever else does so;"
            " those of --config are put into a new registry",
        ),
    ] = False,
    metrics: options.Metrics = None,
) -> None:
    """Play sources, one process each, until they end; SIGTERM ends their sessions in order."""
    from app.stopping import stop_event

    stop = stop_event()
    from app.endpoint import endpoint
    from app.settings import read_config, with_cameras, without_paused
    from ghostpose.errors import ConfigError
    from ingest.registry_supervisor import run_registry_ingest
    from ingest.report import exit_code_of
    from ingest.supervisor import run_ingest

    camera = {
        "policy": policy,
        "height": height,
        "fps": fps,
        "picture": picture,
        "privacy": privacy,
        "loop": loop or None,
    }
    read = read_config(config, redis={"url": redis}, metrics={"listen": metrics})
    settings = with_cameras(read, sources or [], camera)
    if registry:
        if sources or any(value is not None for value in camera.values()):
            raise ConfigError(
                "--registry plays the registry's cameras as they are set there: give no sources and"
                " no settings, but see ghostpose cameras"
            )
        with endpoint(settings.metrics.listen, ["ingest"]):
            run_registry_ingest(
                settings.redis.url, stop, seed=settings.cameras,
                partitions=settings.redis.partitions,
            )  # fmt: skip
        return
    cameras = without_paused(settings).cameras
    if not cameras:
        raise ConfigError("nothing to ingest: give sources, --config with cameras, or --registry")
    partitions = settings.redis.partitions
    with endpoint(settings.metrics.listen, ["ingest"]):
        reports = run_ingest(settings.redis.url, cameras, stop, partitions=partitions)
    for report in reports:
        if report.problem:
            typer.echo(f"ghostpose: {report.problem}", err=True)
    raise typer.Exit(exit_code_of(reports))
