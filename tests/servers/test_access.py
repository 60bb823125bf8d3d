"""The users of deploy/users.acl: each role works with its own, and can do nothing else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import redis
import samples
from bus_servers import RealServer, debians_redis, valkey
from roles import make_pipeline
from waiting import PATIENT_S, wait_until
from whole import CAMERA, Whole

from app.camera_list import list_cameras
from app.dashboard.audit import Audit
from app.dashboard.fleet import read_fleet
from app.dashboard.tokens import Identity
from app.jobs.queue import JobQueue
from app.jobs.requests import Report, Selection
from app.registry import remove_camera
from ghostpose.bus import Bus, CameraLeases, FramePublisher, Registry
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.bus.glance import read_glances
from ghostpose.bus.heartbeats import Heartbeats
from ghostpose.bus.letters import letters, replay
from ghostpose.bus.persistence import disk_writes
from ghostpose.bus.previews import forget_preview, publish_preview
from ghostpose.client import PoseGroup, PoseReader, PreviewReader
from ghostpose.config import CameraConfig
from ghostpose.rules import Rules
from ghostpose.types import EncodedPicture
from postprocess.linking import run_link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

USERS: Final = Path(__file__).parents[2] / "deploy" / "users.acl"
HALL: Final = "{gp:1}"


@pytest.fixture(scope="module", params=[valkey, debians_redis], ids=["Valkey", "Redis"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    folder = tmp_path_factory.mktemp("server")
    started = RealServer(request.param(), folder, {"aclfile": USERS})
    started.login = "admin:change-this-admin@"
    with started:
        yield started


@pytest.fixture
def url_of(server: RealServer) -> Iterator[Callable[[str], str]]:
    """Return each role's own address; after the test nothing was refused to anybody."""
    address = server.url.partition("@")[2]
    with server.client() as admin:
        admin.flushall()
        admin.acl_log_reset()
        yield lambda user: f"redis://{user}:change-this-{user}@{address}"
        # redis-py introduces itself, which Redis 7.0 has no rule for; it goes on without.
        refused = [entry for entry in admin.acl_log() if entry["object"] != "client|setinfo"]
        assert refused == []


def test_each_role_plays_its_part_with_its_own_user(
    url_of: Callable[[str], str], tmp_path: Path
) -> None:
    with Whole(url_of, tmp_path) as whole:
        report = whole.join_camera()
        with Bus.connect(url_of("admin")) as admin:
            whole.assert_ledger_balances(admin, report)


def test_what_goes_wrong_with_frames_and_maps_is_allowed_for(
    url_of: Callable[[str], str], tmp_path: Path
) -> None:
    """Stale frames, undecodable pictures, entries that name no frame, on either stream."""
    roles = ("infer", "postprocess", "store", "consumer")
    with (
        Whole(url_of, tmp_path, roles=roles) as whole,
        Bus.connect(url_of("ingest"), partitions=4, timeout_s=PATIENT_S) as ingest,
        Bus.connect(url_of("admin"), partitions=4, timeout_s=PATIENT_S) as admin,
    ):
        ingest.register_camera(CAMERA, policy="every", credit=9)
        publisher = FramePublisher(ingest, CAMERA)
        publisher.open_session()
        publisher.publish(samples.info(captured_at=1.0, max_age_ms=1.0), samples.picture())
        publisher.publish(samples.info(1.0), EncodedPicture("jpeg", 64, 64, b"\xff\xd8 none"))
        for stream in (admin.keys.frames(0), admin.keys.maps(0)):
            admin.client.xadd(stream, {"no": "frame"})
        publisher.publish(samples.info(2.0), samples.picture())
        publisher.end(frames_read=3, skipped={})
        wait_until(lambda: admin.counters(CAMERA).sessions_ended == 1, "all is committed")
        counters = admin.counters(CAMERA)
        assert (counters.poses, counters.gaps) == (1, 2)
        wait_until(lambda: whole.rows("gaps") == 2, "the store has it")
        wait_until(lambda: admin.client.xlen(admin.keys.dead(0)) == 2, "both are buried")


def test_ingest_may_keep_the_registry_and_consumers_may_look(url_of: Callable[[str], str]) -> None:
    with Bus.connect(url_of("ingest"), partitions=4, timeout_s=PATIENT_S) as bus:
        registry = Registry(bus)
        registry.seed([CameraConfig(name=CAMERA, source="rtsp://a:pw@h/")])
        leases = CameraLeases(bus, "one")
        tokens = leases.take({CAMERA: 0.1})
        leases.renew(tokens, {CAMERA: 0.2})
        leases.release(CAMERA, tokens[CAMERA], 0.2)
        registry.note_ended(CAMERA, registry.get(CAMERA).revision)
        assert disk_writes(bus) is None
        bus.register_camera(CAMERA, policy="latest", credit=1)
        with PreviewReader(url_of("consumer")) as previews:
            assert previews.read(CAMERA) is None
            publish_preview(bus, samples.preview(CAMERA))
            assert previews.read(CAMERA) is not None
        forget_preview(bus, CAMERA)
    with Bus.connect(url_of("mirror")) as mirror, PoseReader(mirror.client) as reader:
        assert read_camera_states(mirror) == {}
        assert reader.cameras == (CAMERA,)


def test_a_group_may_share_claim_and_leave(
    url_of: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghostpose.client.sharing.FORGET_AFTER_S", 0.0)
    with Bus.connect(url_of("admin"), partitions=4, timeout_s=PATIENT_S) as admin:
        pipeline = make_pipeline(admin, CAMERA)
        pipeline.publish()
        pipeline.infer()
        pipeline.commit()
    PoseGroup(url_of("group"), "alarms", start="begin").read(0)  # and dies
    with PoseGroup(url_of("group"), "alarms", claim_after_s=0.001) as group:
        records = group.read(5)
        group.acknowledge(records)
    assert len(records) == 2


def test_who_links_persons_may_read_floors_and_poses_and_tell(
    url_of: Callable[[str], str],
) -> None:
    floor = Rules(ground=((0, 0, 0, 0), (9, 0, 1, 0), (9, 9, 1, 1), (0, 9, 0, 1)))
    stop = threading.Event()
    stop.set()
    with Bus.connect(url_of("admin"), partitions=4, timeout_s=PATIENT_S) as admin:
        for name in (CAMERA, "yard"):
            admin.register_camera(name, policy="latest", credit=1, rules=floor)
        assert run_link(url_of("link"), stop) == 0
        with redis.Redis.from_url(url_of("link")) as client:
            client.xadd(admin.keys.events(CAMERA), {"d": "{}"})


def test_the_dashboard_may_do_what_its_page_offers(url_of: Callable[[str], str]) -> None:
    with Bus.connect(url_of("admin"), partitions=4, timeout_s=PATIENT_S) as admin:
        pipeline = make_pipeline(admin, CAMERA)
        publish_preview(admin, samples.preview(CAMERA))
        pipeline.publish(1)
        for delivery in pipeline.frames.take(1, 0):
            pipeline.frames.bury(delivery, "poison", "it killed workers")
    with Bus.connect(url_of("dashboard")) as bus, PoseReader(bus.client, start="begin") as reader:
        assert PreviewReader(bus.client).read_many([CAMERA]).keys() == {CAMERA}
        reader.read(0)
        read_glances(bus, [CAMERA])
        assert sum(one.dead for one in read_fleet(bus).partitions) == 1
        registry = Registry(bus)
        revision = registry.add(CameraConfig(name="door", source="rtsp://a:pw@h/"))
        registry.change(CameraConfig(name="door", source="rtsp://***@h/", fps=5), revision)
        assert [camera.name for camera in list_cameras(bus)] == ["door"]
        remove_camera(registry, "door", None)
        Audit(bus).note(Identity("anna", "admin"), "10.0.0.1", "removed camera", "door")
        assert len(Audit(bus).newest(5)) == 1
        assert all(sent.frame for sent in replay(bus, list(letters(bus))))
        with JobQueue.connect(url_of("dashboard")) as queue:
            request = Report(selection=Selection(), output=Path("/tmp/all.html"))
            with JobQueue.connect(url_of("jobs")) as other:
                job = other.add(request, "report")
            assert [state.id for state in queue.states()] == [job]
            queue.cancel(job)
            queue.retry(job)
        with Heartbeats(bus, "dashboard", "one", dict):
            pass


REFUSED: Final[dict[str, list[tuple[Any, ...]]]] = {
    "ingest": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("HSET", f"{HALL}:lease", "owner", "me"),
        ("HSET", "ghostpose:meta", "partitions", "1"),
        ("XREADGROUP", "GROUP", "g", "c", "STREAMS", f"{HALL}:frames", ">"),
    ],
    "infer": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("HSET", f"{HALL}:cam:{CAMERA}", "credit", "9"),
        ("HGETALL", "ghostpose:{registry}:sources"),
        ("XRANGE", f"{HALL}:poses:{CAMERA}", "-", "+"),
    ],
    "postprocess": [
        ("XADD", f"{HALL}:frames", "*", "p", "x"),
        ("HGETALL", "ghostpose:{registry}:sources"),
        ("GET", f"{HALL}:preview:{CAMERA}"),
    ],
    "store": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("XRANGE", f"{HALL}:frames", "-", "+"),
        ("HGETALL", "ghostpose:{registry}:sources"),
    ],
    "consumer": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("XREAD", "STREAMS", f"{HALL}:frames", "0"),
        ("SET", f"{HALL}:preview:{CAMERA}", "x"),
        ("HSET", "ghostpose:cameras", CAMERA, "{}"),
        ("HGETALL", "ghostpose:{registry}:sources"),
        ("EVAL", "return 1", "0"),
    ],
    "link": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("HSET", f"{HALL}:cam:{CAMERA}", "credit", "9"),
        ("EVAL", "return 1", "0"),
    ],
    "group": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("XREAD", "STREAMS", f"{HALL}:frames", "0"),
        ("XGROUP", "DESTROY", f"{HALL}:poses:{CAMERA}", "store"),
        ("EVAL", "return 1", "0"),
    ],
    "dashboard": [
        ("XADD", f"{HALL}:poses:{CAMERA}", "*", "d", "{}"),
        ("SET", f"{HALL}:preview:{CAMERA}", "x"),
        ("HSET", f"{HALL}:lease", "owner", "me"),
        ("HSET", "ghostpose:meta", "partitions", "1"),
        ("HGETALL", "ghostpose:{registry}:sources"),
        ("HGET", "ghostpose:{registry}:sources", CAMERA),
    ],
    "mirror": [
        ("XADD", f"{HALL}:events:{CAMERA}", "*", "d", "{}"),
        ("XREAD", "STREAMS", f"{HALL}:frames", "0"),
        ("EVAL", "return 1", "0"),
    ],
}
NOBODYS: Final = [
    ("FLUSHALL",),
    ("KEYS", "*"),
    ("CONFIG", "SET", "maxmemory", "1"),
    ("ACL", "LIST"),
]


@pytest.mark.parametrize("user", REFUSED)
def test_a_role_is_refused_what_it_does_not_need(server: RealServer, user: str) -> None:
    address = server.url.partition("@")[2]
    with redis.Redis.from_url(f"redis://{user}:change-this-{user}@{address}") as client:
        for command in [*REFUSED[user], *NOBODYS]:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command)
        if ("EVAL", "return 1", "0") not in REFUSED[user]:
            call = "return redis.call(unpack(ARGV))"
            for command in REFUSED[user]:
                with pytest.raises(redis.RedisError, match=r"ermission|can't (access|run)"):
                    client.eval(call, 1, command[1], *command)


def test_nobody_comes_in_without_a_user(server: RealServer) -> None:
    with (
        redis.Redis(port=server.port, retry=None) as client,
        pytest.raises(redis.AuthenticationError),
    ):
        client.ping()
