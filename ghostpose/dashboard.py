"""Where the dashboard listens, and who may come in, as its configuration says it."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it when the program runs
from typing import Final

from ghostpose.frozen import Frozen

DEFAULT_LISTEN: Final = "127.0.0.1:8642"


class DashboardConfig(Frozen):
    """The page that shows cameras and processes. See docs/dashboard.md."""

    listen: str | None = None
    """`HOST:PORT`; port 0 is any that is free. None = `127.0.0.1:8642`, and `ghostpose run` serves
    no page. Other machines are let in only where tokens are given."""

    tokens: Path | None = None
    """A file with a line for each token, as `ghostpose dashboard-token` writes it: hashed. The
    variable `GHOSTPOSE_DASHBOARD_TOKENS` may hold the lines instead."""

    certificate: Path | None = None
    """A certificate (PEM, its chain included) to serve `https://` by; none = plain `http://`."""

    key: Path | None = None
    """The certificate's private key (PEM); none = it stands in the same file."""

    references: tuple[str, ...] = ()
    """Variables and files that addresses given on the page may refer to, as patterns:
    `[CAMERA_*, /run/secrets/cameras/*]`. None unless given: whoever writes addresses could have
    them sent anywhere."""
