"""Where metrics and health are served, as the configuration says it."""

from __future__ import annotations

from pydantic import Field

from ghostpose.frozen import Frozen


class MetricsConfig(Frozen):
    """Metrics, health and traces for who watches. See docs/operations.md."""

    listen: str | None = Field(default=None, pattern=r"^[^\s/]+:[0-9]{1,5}$", max_length=300)
    """Where `/metrics`, `/healthz` and `/readyz` are served: `HOST:PORT`, such as `127.0.0.1:9464`;
    none = nowhere. It tells names of cameras to whoever asks. Processes on one host need a port
    each; `ghostpose run` has one for all."""

    traces: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=2000)
    """An OpenTelemetry collector (OTLP over HTTP), such as `http://127.0.0.1:4318`, that is told
    what frames went through; none = nobody is told. Needs the extra `otel`."""

    trace_every: int = Field(default=100, ge=1)
    """One frame in so many of each camera is told to the collector."""
