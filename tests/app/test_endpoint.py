"""The endpoint for who watches: what it answers, and when it says that something is wrong."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

# Before an endpoint: else all metrics of this process would go to its folder, which goes with it.
import prometheus_client  # noqa: F401
import pytest
from bus_servers import free_ports

from app.endpoint import _Watch, endpoint
from ghostpose.errors import ConfigError
from ghostpose.metrics import FOLDER_VARIABLE, HEARTBEAT, TURN

if TYPE_CHECKING:
    from collections.abc import Mapping


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_serves_while_the_block_runs_and_one_port_once() -> None:
    (port,) = free_ports(1)
    listen = f"127.0.0.1:{port}"
    with endpoint(listen, ["inference"]):
        assert get(port, "/healthz") == (200, "ok\n")
        assert get(port, "/readyz")[0] == 503
        assert get(port, "/metrics?x=1")[0] == 200
        assert get(port, "/elsewhere")[0] == 404
        with (
            pytest.raises(ConfigError, match=f"--metrics {listen}: can't listen there"),
            endpoint(listen, ["store"]),
        ):
            pass
    with pytest.raises(urllib.error.URLError):
        get(port, "/healthz")


def test_without_an_address_there_is_none() -> None:
    with endpoint(None, ["store"]):
        assert FOLDER_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("values", "path", "said"),
    [
        pytest.param({}, "/healthz", "ok", id="it has yet to come around"),
        pytest.param({TURN.name: {"store": -59}}, "/healthz", "ok", id="it came around lately"),
        pytest.param(
            {TURN.name: {"store": -61}}, "/healthz",
            "store: its loop has not come around for 61 s", id="it hangs",
        ),
        pytest.param({HEARTBEAT.name: {"store": -9}}, "/readyz", "ok", id="it was heard of"),
        pytest.param(
            {HEARTBEAT.name: {"store": -11}}, "/readyz",
            "store: the server has not heard of it lately", id="the server is away",
        ),
        pytest.param(
            {HEARTBEAT.name: {"link": 0}}, "/readyz",
            "store: the server has not heard of it lately", id="another role lives",
        ),
    ],
)  # fmt: skip
def test_health_is_that_loops_turn_and_readiness_that_the_server_hears_of_them(
    values: Mapping[str, Mapping[str, float]],
    path: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def newest(_: _Watch, name: str) -> dict[str, float]:
        return {role: time.time() + ago for role, ago in values.get(name, {}).items()}

    monkeypatch.setattr(_Watch, "_newest", newest)
    status, _, body = _Watch("", ("store",), ("store",)).answer(path)
    assert (status == 200) == (said == "ok")
    assert body.decode() == f"{said}\n"
