"""Where metrics and health are served, as the configuration says it."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from ghostpose.frozen import Frozen


class MetricsConfig(Frozen):
    """Metrics, health and traces for who watches. See docs/operations.md."""

    listen: str | None = Field(default=None, max_length=300)
    """Where `/metrics`, `/healthz` and `/readyz` are served: `HOST:PORT`, such as `127.0.0.1:9464`;
    none = nowhere. It tells names of cameras to whoever asks. Processes on one host need a port
    each; `ghostpose run` has one for all."""

    traces: str | None = Field(default=None, pattern=r"^https?://\S+$", max_length=2000)
    """An OpenTelemetry collector (OTLP over HTTP), such as `http://127.0.0.1:4318`, that is told
    what frames went through; none = nobody is told. Needs the extra `otel`."""

    trace_every: int = Field(default=100, ge=1)
    """One frame in so many of each camera is told to the collector."""

    @field_validator("listen")
    @classmethod
    def _is_host_and_port(cls, listen: str | None) -> str | None:
        if listen is not None and not re.fullmatch(r"[^\s/]+:[0-9]{1,5}", listen):
            raise ValueError(f"{listen!r} is no HOST:PORT to listen at, as 127.0.0.1:9464")
        return listen
