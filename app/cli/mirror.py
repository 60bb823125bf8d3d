"""`ghostpose mirror`: tell an MQTT broker what cameras do and whom they see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from app.cli import options

EXAMPLES: Final = (
    "Examples: ghostpose mirror mqtt://10.0.0.7 --redis redis://10.0.0.5;"
    " ghostpose mirror 'mqtts://ghostpose:${env:MQTT_PASSWORD}@broker' --camera hall --rate 2"
    " --discovery homeassistant"
)


def mirror(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="mqtt:// or mqtts:// address of the broker")
    ] = None,
    config: options.ConfigFile = None,
    redis: options.RedisUrl = None,
    cameras: Annotated[
        list[str] | None,
        typer.Option("--camera", metavar="NAME", help="Only this one; may be repeated"),
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Prefix of all topics")] = None,
    rate: Annotated[
        float | None, typer.Option(help="At most so many pose messages a second of each camera")
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificates to trust, not the host's"),
    ] = None,
    discovery: Annotated[
        str | None,
        typer.Option(metavar="PREFIX", help="Have Home Assistant show cameras: homeassistant"),
    ] = None,
    metrics: options.Metrics = None,
) -> None:
    """Mirror poses, events and camera states to MQTT until SIGTERM; a broker may come and go."""
    from app.stopping import stop_event

    stop = stop_event()
    from app.endpoint import endpoint
    from app.mirror.address import broker_address
    from app.mirror.loop import run_mirror
    from app.settings import read_config
    from ghostpose.errors import ConfigError

    given = {
        "url": url, "cameras": cameras or None, "topic": topic, "rate": rate, "ca": ca,
        "discovery": discovery,
    }  # fmt: skip
    settings = read_config(config, redis={"url": redis}, mirror=given, metrics={"listen": metrics})
    if settings.mirror.url is None:
        raise ConfigError("nothing to mirror to: give mqtt://HOST, or mirror.url in --config")
    address = broker_address(settings.mirror.url, settings.mirror.ca)
    with endpoint(settings.metrics.listen, ["mirror"]):
        run_mirror(settings.redis.url, address, settings.mirror, stop)
