"""What the page asks for, and what it changes: the same as the commands do."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
import samples
from bus_servers import until
from roles import Pipeline, make_pipeline
from sqlalchemy import text

from app.jobs.progress import Step
from app.jobs.queue import JobQueue, keep_step
from app.jobs.requests import Report, Selection
from ghostpose.bus import Bus, Registry
from ghostpose.bus.camera_states import publish_camera_state
from ghostpose.bus.previews import publish_preview
from ghostpose.codec.camera_state import CameraCounts, CameraState
from ghostpose.config import CameraConfig
from ghostpose.topics import AUDIT_KEY
from ghostpose.types import FrameId
from postprocess.store import Batch, open_database, write_batch

if TYPE_CHECKING:
    from conftest import Dashboards

    from app.dashboard.history import Moment
    from ghostpose.bus import EmbeddedServer

SOURCE = "rtsp://admin:s3cret@10.0.0.5/live"
ZONE = {"name": "gate", "polygon": [[0, 0], [10, 0], [10, 10]], "dwell_s": 5}


def test_a_camera_is_added_changed_and_removed_and_the_log_says_by_whom(
    dashboard: Dashboards, bus: Bus
) -> None:
    client = dashboard(("anna", "admin"))
    client.log_in()
    new = {"name": "door", "source": SOURCE, "settings": {"fps": 5, "height": None}}
    added = client.post("/api/cameras", json=new)
    assert added.status_code == 201
    assert "${env:NAME}" in added.json()["warning"]
    registry = Registry(bus)
    assert registry.read(passwords=True).playable("door").source == SOURCE
    assert registry.get("door").settings.fps == 5

    change = {"settings": {"zones": [ZONE], "fps": None}, "revision": added.json()["revision"]}
    changed = client.patch("/api/cameras/door", json=change)
    assert changed.status_code == 200
    row = registry.get("door")
    assert row.revision == changed.json()["revision"]
    assert [zone.name for zone in row.settings.zones] == ["gate"]
    assert registry.read(passwords=True).playable("door").source == SOURCE, "the password stays"

    details = client.get("/api/cameras/door").json()
    assert details["settings"]["zones"][0]["dwell_s"] == 5
    assert details["figures"]["health"] == "lost"
    assert "s3cret" not in json.dumps(details)

    assert client.delete("/api/cameras/door").status_code == 204
    assert client.get("/api/cameras/door").status_code == 404
    entries = client.get("/api/audit").json()
    assert [(e["who"], e["what"], e["of"]) for e in entries] == [
        ("anna", "removed camera", "door"),
        ("anna", "changed camera", "door"),
        ("anna", "added camera", "door"),
    ]
    assert b"s3cret" not in repr(bus.client.xrange(AUDIT_KEY)).encode()


def test_two_who_change_a_camera_at_once_never_overwrite_each_other(
    dashboard: Dashboards, bus: Bus
) -> None:
    client = dashboard()
    revision = Registry(bus).add(CameraConfig(name="door", source="pattern:"))
    first = {"settings": {"fps": 5}, "revision": revision}
    assert client.patch("/api/cameras/door", json=first).status_code == 200
    second = client.patch("/api/cameras/door", json={"settings": {"fps": 9}, "revision": revision})
    assert second.status_code == 409
    assert "was changed by somebody else meanwhile" in second.json()["detail"]
    assert client.delete(f"/api/cameras/door?revision={revision}").status_code == 409
    assert Registry(bus).get("door").settings.fps == 5


def test_an_address_given_here_refers_to_nothing_that_was_not_allowed(
    dashboard: Dashboards, bus: Bus
) -> None:
    closed, stolen = dashboard(), "http://thief/${env:AWS_SECRET}"
    for source in (stolen, "rtsp://a:${file:/etc/shadow}@thief/", "${env:CAMERA_DOOR}"):
        refused = closed.post("/api/cameras", json={"name": "door", "source": source})
        assert refused.status_code == 400
        assert "dashboard.references" in refused.json()["detail"]
    assert Registry(bus).read().cameras == {}

    known = "rtsp://admin:${env:DOOR}@10.0.0.5/live"
    revision = Registry(bus).add(CameraConfig(name="door", source=known))
    change = {"settings": {"fps": 5, "source": known}, "revision": revision}
    revision = closed.patch("/api/cameras/door", json=change).json()["revision"]
    moved = {"settings": {"source": known.replace("10.0.0.5", "thief")}, "revision": revision}
    assert closed.patch("/api/cameras/door", json=moved).status_code == 400

    allowing = dashboard(references=("CAMERA_*", "/run/secrets/*"))
    for number, (source, status) in enumerate([
        ("rtsp://a:${env:CAMERA_DOOR}@10.0.0.5/", 201),
        ("rtsp://a:${file:/run/secrets/door}@10.0.0.5/", 201),
        ("rtsp://a:${file:/run/secrets/../../etc/shadow}@10.0.0.5/", 400),
        ("rtsp://${env:CAMERA_DOOR}:${env:AWS_SECRET}@10.0.0.5/", 400),
    ]):  # fmt: skip
        new = {"name": f"door-{number}", "source": source}
        assert allowing.post("/api/cameras", json=new).status_code == status, source


@pytest.mark.parametrize(
    ("name", "source", "settings", "says"),
    [
        ("<script>", "pattern:", {}, "name"),
        ("../../etc", "pattern:", {}, "name"),
        ("a" * 65, "pattern:", {}, "name"),
        ("", "pattern:", {}, "name"),
        ("door", "rtsp://h/a b", {}, "an address holds no spaces"),
        ("door", "pattern:", {"fps": -1}, "fps"),
        ("door", "pattern:", {"nonsense": 1}, "nonsense"),
        ("door", "pattern:", {"zones": [{**ZONE, "name": "<img src=x>"}]}, "zones.0.name"),
        ("door", "pattern:", {"zones": [{**ZONE, "polygon": [[0, 0], [1, 1]]}]}, "polygon"),
    ],
)
def test_settings_that_are_none_are_one_sentence(
    dashboard: Dashboards, bus: Bus, name: str, source: str, settings: Any, says: str
) -> None:
    new = {"name": name, "source": source, "settings": settings}
    answer = dashboard().post("/api/cameras", json=new)
    assert answer.status_code in (400, 422), answer.text
    assert says in answer.json()["detail"]
    assert Registry(bus).read().cameras == {}


def test_a_camera_that_is_there_or_not_there_is_said(dashboard: Dashboards, bus: Bus) -> None:
    client = dashboard()
    Registry(bus).add(CameraConfig(name="door", source="pattern:"))
    again = client.post("/api/cameras", json={"name": "door", "source": "pattern:"})
    assert again.status_code == 409
    assert (
        client.patch("/api/cameras/gate", json={"settings": {}, "revision": 1}).status_code == 404
    )
    assert client.delete("/api/cameras/gate").status_code == 404
    renamed = client.patch("/api/cameras/door", json={"settings": {"name": "gate"}, "revision": 1})
    assert renamed.status_code == 400


def test_what_is_no_cameras_name_is_asked_of_nothing(dashboard: Dashboards) -> None:
    client = dashboard()
    for path in ("a b", "a:b", "a%0A", "a" * 65):
        assert client.get(f"/api/cameras/{path}/history").status_code == 422, path


@pytest.fixture
def lobby(bus: Bus) -> Pipeline:
    """Return a camera that is not in the registry, with three frames that have poses."""
    pipeline = make_pipeline(bus, "lobby")
    pipeline.publish(3)
    pipeline.infer(3)
    pipeline.commit()
    now_s = bus.server_time_ms() / 1000
    counts = CameraCounts(read=10, published=3, skipped={"overwritten": 2, "rate": 5})
    state = CameraState("lobby", "playing", now_s - 60, "w", "host-1", 1, counts=counts)
    publish_camera_state(bus, state)
    return pipeline


def test_a_camera_of_a_file_is_shown_and_can_not_be_set(
    dashboard: Dashboards, lobby: Pipeline
) -> None:
    client = dashboard()
    details = client.get("/api/cameras/lobby").json()
    assert details["settings"] is None
    assert details["figures"]["registered"] is False
    assert details["figures"]["people"] == 1
    assert details["figures"]["size"] == [768, 576]
    assert {"reason": "rate", "pictures": 5} in details["skipped"]
    assert client.delete("/api/cameras/lobby").status_code == 404


def test_a_cameras_last_minutes_are_told(dashboard: Dashboards, lobby: Pipeline) -> None:
    client = dashboard()
    history = client.get("/api/cameras/lobby/history?minutes=5").json()
    assert [point["people"] for point in history["people"]] == [1]
    assert [line["track"] for line in history["tracks"]] == ["lobby-0"]
    assert sum(map(sum, history["heat_rc"])) == 1
    assert client.get("/api/cameras/lobby/history?minutes=1e9").status_code == 422
    events = client.get("/api/cameras/lobby/events?about=all").json()
    assert [event["kind"] for event in events] == ["session_start"]
    assert client.get("/api/cameras/lobby/events").json() == []


def test_pictures_come_with_the_poses_of_their_frame(
    dashboard: Dashboards, bus: Bus, lobby: Pipeline
) -> None:
    with dashboard().socket() as socket:
        assert json.loads(socket.recv(timeout=20))["kind"] == "overview"
        socket.send(json.dumps({"watch": ["lobby"]}))
        wanted = bus.keys.preview("lobby") + ":wanted"
        until(lambda: bus.client.exists(wanted), "somebody wants previews")
        (published,) = lobby.publish(1)
        publish_preview(bus, preview_of(lobby, published.seq))
        lobby.infer(1)
        lobby.commit()
        message = b""
        while not isinstance(message, bytes) or not message:
            message = socket.recv(timeout=20)  # type: ignore[assignment]
    about, pose, jpeg = unpacked(message)
    assert (about["camera"], about["seq"]) == ("lobby", 3)
    assert pose == lobby.poses()[-1]
    assert jpeg == samples.preview().jpeg
    assert about["behind_ms"] >= 0


def test_the_past_comes_from_the_store_where_one_is_given(
    dashboard: Dashboards, bus: Bus, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'poses.sqlite'}"
    client = dashboard(store_url=url)
    assert client.get("/api/me").json()["has_store"] is True
    missing = client.get("/api/cameras/lobby/history")
    assert missing.status_code == 503
    assert "there is no database" in missing.json()["detail"]
    now_s = bus.server_time_ms() / 1000
    poses = [samples.pose(FrameId("lobby", 5, seq, seq + 1), people=2) for seq in range(20)]
    engine = open_database(url)
    with engine.begin() as connection:
        moved = [replace(p, captured_at=now_s - 7200 + p.seq) for p in poses]
        write_batch(connection, Batch(moved, []))
    engine.dispose()
    assert client.get("/api/cameras/lobby/history?minutes=60").json()["people"] == []
    history = client.get("/api/cameras/lobby/history?minutes=1440").json()
    assert [point["people"] for point in history["people"]] == [2]
    assert [line["track"] for line in history["tracks"]] == ["lobby-0", "lobby-1"]
    assert sum(map(sum, history["heat_rc"])) == 40
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE tracks"))
    engine.dispose()
    broken = client.get("/api/cameras/lobby/history")
    assert broken.status_code == 503
    assert "store: the database doesn't answer: " in broken.json()["detail"]


def test_no_more_than_two_histories_are_read_at_once(
    dashboard: Dashboards, lobby: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[int] = []
    most = 0
    two = Barrier(2)

    def moments(*_: object) -> list[Moment]:
        nonlocal most
        inside.append(1)
        two.wait(60)
        time.sleep(0.02)  # others may come meanwhile
        most = max(most, len(inside))
        inside.pop()
        return []

    monkeypatch.setattr("app.dashboard.history_api._moments", moments)
    client = dashboard()
    with ThreadPoolExecutor(8) as viewers:
        asked = [viewers.submit(client.get, "/api/cameras/lobby/history") for _ in range(8)]
        assert {one.result().status_code for one in asked} == {200}
    assert most == 2


def test_jobs_are_listed_stopped_and_done_again(
    dashboard: Dashboards, server: EmbeddedServer
) -> None:
    client = dashboard()
    assert client.get("/api/jobs").json() == {"jobs": [], "why_none": None}
    with JobQueue.connect(server.url) as queue:
        request = Report(selection=Selection(cameras=("hall",)), output=Path("/tmp/hall.html"))
        job = queue.add(request, "report of hall")
        keep_step(queue._fetch(job), Step(3, 9, "frames"))
    (row,) = client.get("/api/jobs").json()["jobs"]
    assert (row["job"], row["about"], row["status"]) == (job, "report of hall", "queued")
    assert (row["done"], row["total"], row["unit"]) == (3, 9, "frames")
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 204
    assert client.get("/api/jobs").json()["jobs"][0]["status"] == "canceled"
    assert client.post(f"/api/jobs/{job}/retry").status_code == 204
    again = client.post(f"/api/jobs/{job}/retry")
    assert again.status_code == 409
    assert "only a job that failed or was stopped" in again.json()["detail"]
    assert [e["what"] for e in client.get("/api/audit").json()] == ["retried job", "cancelled job"]


def preview_of(pipeline: Pipeline, seq: int) -> Any:
    return replace(samples.preview(pipeline.camera, seq), session=pipeline.publisher.session)


def unpacked(message: bytes) -> tuple[Any, Any, bytes]:
    end = 4 + int.from_bytes(message[:4], "little")
    pose_end = end + 4 + int.from_bytes(message[end : end + 4], "little")
    return json.loads(message[4:end]), json.loads(message[end + 4 : pose_end]), message[pose_end:]


def test_what_can_not_be_put_into_the_audit_log_is_done_and_an_error_in_the_process_log(
    dashboard: Dashboards, bus: Bus, lobby: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    lobby.publish(1)
    (delivery,) = lobby.frames.take(1, 0)
    lobby.frames.bury(delivery, "poison", "it killed workers")
    client = dashboard()
    (letter,) = client.get("/api/dead").json()["letters"]
    limit = str(bus.client.config_get("maxmemory")["maxmemory"])
    bus.client.config_set("maxmemory", "1")  # full: it lets go of things, and takes none
    try:
        purged = client.post("/api/dead/purge", json={"letters": [letter["letter"]]})
    finally:
        bus.client.config_set("maxmemory", limit)
    assert (purged.status_code, purged.json()) == (200, 1)
    assert client.get("/api/audit").json() == []
    (said,) = [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "the audit log can't be written" in said
    assert (
        f'local from 127.0.0.1: purged dead letters 1 {{"letters": ["{letter["letter"]}"]}}' in said
    )


def test_the_fleet_is_told(dashboard: Dashboards, bus: Bus, lobby: Pipeline) -> None:
    lobby.publish(2)
    lobby.frames.take(1, 0)
    client = dashboard()
    fleet = client.get("/api/fleet").json()
    (own,) = [one for one in fleet["partitions"] if one["number"] == lobby.partition]
    assert (own["owner"], own["cameras"]) == ("post-1", 1)
    assert (own["waiting_frames"], own["frames_at_work"]) == (2, 1)
    assert fleet["servers"][0]["used_bytes"] > 0
    assert fleet["servers"][0]["limit_bytes"] == 256 * 2**20


def test_dead_letters_are_listed_sent_in_again_and_thrown_away(
    dashboard: Dashboards, bus: Bus, lobby: Pipeline
) -> None:
    lobby.publish(2)
    for delivery in lobby.frames.take(2, 0):
        lobby.frames.bury(delivery, "poison", "it killed\x1b[2J workers")
    client = dashboard()
    first, second = client.get("/api/dead").json()["letters"]
    assert first["camera"] == "lobby"
    assert first["can_replay"]
    assert "\x1b" not in first["detail"]
    (sent,) = client.post("/api/dead/replay", json={"letters": [first["letter"]]}).json()
    assert sent["frame"].startswith("lobby.replay/")
    assert client.post("/api/dead/purge", json={"letters": [second["letter"]]}).json() == 1
    assert client.get("/api/dead").json() == {"letters": [], "more": False}
    gone = client.post("/api/dead/replay", json={"letters": ["0:1-0"]})
    assert gone.status_code == 404
    assert [entry["what"] for entry in client.get("/api/audit").json()] == [
        "purged dead letters",
        "replayed dead letters",
    ]
