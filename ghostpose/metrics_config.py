"""Where metrics and health are served, as the configuration says it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MetricsConfig(BaseModel):
    """An HTTP endpoint with `/metrics`, `/healthz` and `/readyz`. See docs/operations.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str | None = Field(default=None, pattern=r"^[^\s/]+:[0-9]{1,5}$", max_length=300)
    """`HOST:PORT`, such as `127.0.0.1:9464`; none = no endpoint. It tells names of cameras to
    whoever asks. Processes on one host need a port each; `ghostpose run` has one for all."""
