"""Connections that want nothing, or want it too slowly: they shut nobody else out."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import pytest
    from conftest import Asked, Dashboards

MODULE = "app.dashboard.connections"
REQUEST_S = 0.5
"""Between a connection and its request there may pass some time on a busy machine, too."""


def connected(client: Asked, sends: str = "") -> socket.socket:
    host, port = client.host.split(":")
    opened = socket.create_connection((host, int(port)), timeout=20)
    opened.sendall(sends.encode())
    return opened


def test_a_connection_that_brings_no_whole_request_in_time_is_closed(
    dashboard: Dashboards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.REQUEST_S", REQUEST_S)
    client = dashboard()
    with connected(client) as silent, connected(client, "GET /api/me HT") as half:
        assert silent.recv(1) == half.recv(1) == b""
    with closing(HTTPConnection(client.host, timeout=20)) as second:
        second.request("GET", "/api/me")
        assert second.getresponse().read()
        second.sock.sendall(b"GET /api/me HT")
        assert second.sock.recv(1) == b""


def test_a_live_page_and_a_connection_that_asks_again_stay(
    dashboard: Dashboards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.REQUEST_S", REQUEST_S)
    monkeypatch.setattr("app.dashboard.overview.EVERY_S", 0.1)
    client = dashboard()
    with client.socket() as live, closing(HTTPConnection(client.host, timeout=20)) as again:
        again.request("GET", "/api/me")
        assert again.getresponse().read()
        kept = again.sock
        with connected(client) as silent:
            assert silent.recv(1) == b"", "what came before has had its time, too"
        again.request("GET", "/api/me")
        assert again.getresponse().read()
        assert again.sock is kept
        live.send(json.dumps({"watch": []}))
        for _ in range(3):
            assert json.loads(live.recv(timeout=20))["kind"] == "overview"


def test_one_address_can_not_take_all_connections(
    dashboard: Dashboards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{MODULE}.MAX_OF_ONE_ADDRESS", 3)
    client = dashboard()
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connected(client))
        one_more = stack.enter_context(connected(client))
        assert one_more.recv(1) == b""
        elsewhere = httpx.HTTPTransport(local_address="127.0.0.2")
        other = stack.enter_context(httpx.Client(transport=elsewhere, timeout=20))
        assert other.get(f"http://{client.host}/api/me").status_code == 200


def test_a_body_that_does_not_come_is_not_waited_for(
    dashboard: Dashboards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.dashboard.guard.BODY_S", 0.1)
    client = dashboard()
    sends = f"POST /api/login HTTP/1.1\r\nHost: {client.host}\r\nContent-Length: 9\r\n\r\n{{"
    with connected(client, sends) as slow:
        answer = b"".join(iter(lambda: slow.recv(2**16), b""))
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"a request's body comes within 0.1 seconds" in answer
