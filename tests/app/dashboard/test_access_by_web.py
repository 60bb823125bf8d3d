"""Who may come in, what they may do, and what pages of other sites can't."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.dashboard.access import COOKIE
from app.dashboard.guard import MAX_BODY_BYTES
from app.dashboard.sessions import TRIES

if TYPE_CHECKING:
    from conftest import Dashboards

NEW = {"name": "door", "source": "pattern:"}


def test_it_needs_no_other_roles_packages() -> None:
    script = "import sys, app.dashboard.serving; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not {"cv2", "av", "openvino", "numba", "sqlalchemy", "rq"} & set(done.stdout.split())


def test_without_a_login_nothing_is_told(dashboard: Dashboards) -> None:
    client = dashboard(("anna", "admin"))
    for path in ("me", "cameras", "cameras/door", "fleet", "dead", "audit", "cameras/x/history"):
        answer = client.get(f"/api/{path}")
        assert (answer.status_code, answer.json()) == (401, {"detail": "log in first"}), path
    assert client.post("/api/cameras", json=NEW).status_code == 401
    with client.socket() as socket, pytest.raises(ConnectionClosed) as end:
        socket.recv(timeout=20)
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 4401


def test_a_login_is_a_cookie_that_scripts_and_other_sites_never_get(dashboard: Dashboards) -> None:
    client = dashboard(("anna", "admin"))
    answer = client.log_in()
    assert answer.json()["role"] == "admin"
    cookie = answer.headers["set-cookie"].lower()
    for word in ("__host-ghostpose=", "httponly", "secure", "samesite=strict", "path=/"):
        assert word in cookie
    assert "domain" not in cookie
    assert client.get("/api/me").json()["name"] == "anna"
    client.post("/api/logout")
    assert client.get("/api/me").status_code == 401


def test_a_viewer_looks_and_changes_nothing(dashboard: Dashboards) -> None:
    client = dashboard(("anna", "admin"), ("bert", "viewer"))
    client.log_in(1)
    assert client.get("/api/cameras").status_code == 200
    assert client.get("/api/audit").status_code == 403
    paths = client.get("/api/openapi.json").json()["paths"]
    changes = {(way, path) for path, ways in paths.items() for way in ways if way != "get"}
    anybodys = {("post", "/api/login"), ("post", "/api/logout")}
    assert changes > anybodys
    for way, path in changes - anybodys:
        answer = client.request(way, path.format(name="door", job="door"), json={})
        assert answer.status_code == 403, (way, path)


def test_a_program_comes_in_by_its_token(dashboard: Dashboards) -> None:
    client = dashboard(("robot", "admin"))
    del client.headers["Origin"]
    headers = {"Authorization": f"Bearer {client.tokens[0]}"}
    assert client.post("/api/cameras", json=NEW, headers=headers).status_code == 201
    assert client.get("/api/me", headers=headers).json()["name"] == "robot"
    wrong = {"Authorization": "Bearer robot.guessed"}
    assert client.get("/api/me", headers=wrong).status_code == 401


def test_who_guesses_tokens_has_to_wait(dashboard: Dashboards) -> None:
    client = dashboard(("anna", "admin"))
    answers = [
        client.post("/api/login", json={"token": f"anna.{n}"}).status_code for n in range(TRIES + 1)
    ]
    assert answers == [401] * TRIES + [429]
    refused = client.log_in()
    assert refused.status_code == 429, "the right one, too: or guessing would go on"
    assert 0 < int(refused.headers["retry-after"]) <= 61
    client.headers["X-Forwarded-For"] = "10.0.0.9"  # by a proxy on this machine, which is believed
    assert client.log_in().status_code == 200, "who comes from elsewhere is not kept out"


def test_a_page_of_another_site_changes_nothing(dashboard: Dashboards) -> None:
    client = dashboard()
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999"):
        answer = client.post("/api/cameras", json=NEW, headers={"Origin": origin})
        assert answer.status_code == 403, origin
        with pytest.raises(InvalidStatus, match="403"):
            client.socket(Origin=origin)
    del client.headers["Origin"]
    fetched = client.post("/api/cameras", json=NEW, headers={"Sec-Fetch-Site": "cross-site"})
    assert fetched.status_code == 403
    with_cookie = client.post("/api/cameras", json=NEW, headers={"Cookie": f"{COOKIE}=x"})
    assert with_cookie.status_code == 403
    assert client.get("/api/cameras").json()["cameras"] == []


def test_a_malformed_address_is_refused_as_a_foreign_one(dashboard: Dashboards) -> None:
    client = dashboard()
    for malformed in ({"Host": "[::1"}, {"Origin": "http://[::1"}):
        answer = client.post("/api/cameras", json=NEW, headers=malformed)
        assert answer.status_code == 403, malformed


def test_more_pages_than_there_may_be_are_told_so(
    dashboard: Dashboards, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.dashboard.live_api.MAX_SOCKETS", 1)
    client = dashboard()
    with client.socket() as first, client.socket() as second:
        assert first.recv(timeout=20)
        with pytest.raises(ConnectionClosed) as end:
            second.recv(timeout=20)
        assert first.recv(timeout=20)
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1013


def test_a_foreign_name_that_leads_here_is_not_answered(dashboard: Dashboards) -> None:
    client = dashboard()
    answer = client.get("/api/cameras", headers={"Host": "evil.example:8642"})
    assert answer.status_code == 403
    assert "this machine's own name" in answer.json()["detail"]
    assert client.get("/api/cameras", headers={"Host": "localhost:8642"}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/js/main.js", "/api/me", "/api/openapi.json", "/nothing"])
def test_every_answer_forbids_what_the_page_does_not_do(dashboard: Dashboards, path: str) -> None:
    headers = dashboard().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")


def test_https_is_to_stay_https(dashboard: Dashboards) -> None:
    client = dashboard(("anna", "admin"))
    by_proxy = client.get("/", headers={"X-Forwarded-Proto": "https"})
    assert "max-age" in by_proxy.headers["strict-transport-security"]
    assert "strict-transport-security" not in client.get("/").headers


def test_a_huge_body_is_refused_before_it_is_read(dashboard: Dashboards) -> None:
    client = dashboard()
    body = b"x" * (MAX_BODY_BYTES + 1)
    assert client.post("/api/cameras", content=body).status_code == 413
    pieces = (b"x" * 1024 for _ in range(MAX_BODY_BYTES // 1024 + 1))
    assert client.post("/api/cameras", content=pieces).status_code == 413


def test_a_malformed_request_is_one_sentence_without_what_it_held(dashboard: Dashboards) -> None:
    client = dashboard()
    answer = client.post("/api/cameras", json={"name": 7, "source": "rtsp://a:s3cret@h/"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("name: ")
    assert "s3cret" not in answer.text
    for body in (b"{", b"[]", b"\xff\xfe", b'"' + b"[" * 5000):
        refused = client.post("/api/cameras", content=body)
        assert refused.status_code == 422, body[:9]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"watch": "hall"}',
        '{"watch": ["../etc"]}',
        '{"watch": [7]}',
        '{"drawn": -1}',
        '{"drawn": 1e300}',
        '{"drawn": true}',
        '{"watch": ["' + '","'.join(["a"] * 65) + '"]}',
        "[" * 4000,
        "x" * 10_000,
    ],
)
def test_a_socket_that_talks_nonsense_is_closed(dashboard: Dashboards, text: str) -> None:
    with dashboard().socket() as socket:
        socket.send(text)
        with pytest.raises(ConnectionClosed) as end:
            while True:
                socket.recv(timeout=20)
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1008


def test_the_api_is_described_and_needs_nothing_from_elsewhere(dashboard: Dashboards) -> None:
    client = dashboard()
    described = client.get("/api/openapi.json").json()["paths"]
    assert {"/api/cameras", "/api/fleet", "/api/dead/replay", "/api/login"} <= described.keys()
    page = client.get("/").text
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/docs").status_code == 404
