"""`ghostpose dead`: what was given up, looked at, sent in again, thrown away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import samples
from roles import Pipeline, make_pipeline

from app.cli.main import main
from ghostpose.bus import Bus, FrameReader

if TYPE_CHECKING:
    from pathlib import Path


class Dead(Protocol):
    def __call__(self, *arguments: str, code: int = 0) -> str: ...


@pytest.fixture
def dead(server: Any, capsys: pytest.CaptureFixture[str]) -> Dead:
    """Run `ghostpose dead ...` and return what it prints on both."""

    def run(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()  # what the roles of this test said
        with pytest.raises(SystemExit) as caught:
            main(["dead", *arguments, "--redis", server.url])
        captured = capsys.readouterr()
        text = captured.out + captured.err
        assert (caught.value.code or 0) == code, text
        return text

    return run


def listed(dead: Dead, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in dead("list", "--json", *options).splitlines()]


@pytest.fixture
def buried(pipeline: Pipeline) -> Pipeline:
    """Three frames given up: two whole ones, and one larger than what is kept."""
    pipeline.publish(2)
    large = samples.picture(640, 480)
    pipeline.publisher.publish(samples.info(), large)
    for delivery in pipeline.frames.take(3, 0):
        pipeline.frames.bury(delivery, "poison", "it killed\x1b[2J its\nworkers")
    pipeline.commit()
    return pipeline


def test_what_was_given_up_is_listed_with_its_frame_and_reason(buried, dead: Dead) -> None:
    rows = listed(dead)
    assert [row["seq"] for row in rows] == [0, 1, 2]
    assert {(row["camera"], row["why"]) for row in rows} == {("lobby", "poison")}
    assert [row["cut"] for row in rows] == [False, False, True]
    assert listed(dead, "--camera", "lobby") == rows
    assert listed(dead, "--camera", "other") == []


def test_nothing_that_was_buried_can_move_the_cursor(buried, dead: Dead) -> None:
    shown = dead("list")
    assert len(shown.splitlines()) == 3
    assert "\\x1b[2J" in shown
    assert shown.replace("\n", "").isprintable()


def test_one_is_shown_and_its_picture_written(buried, dead: Dead, tmp_path: Path) -> None:
    name = listed(dead)[0]["letter"]
    path = tmp_path / "picture.raw"
    assert "seq: 0" in dead("show", name, "--payload", str(path))
    assert path.read_bytes() == samples.picture().data
    assert json.loads(dead("show", name, "--json"))["letter"] == name


def test_a_replayed_frame_goes_through_the_front_door_and_its_gap_stays(
    buried, bus: Bus, dead: Dead
) -> None:
    lines = dead("replay", "--camera", "lobby", code=3).splitlines()
    assert [line.endswith("not all of it") for line in lines] == [True, False, False]
    assert [row["seq"] for row in listed(dead)] == [2], "only what could not be sent is left"
    assert buried.publisher.session == int(bus.client.hget(bus.keys.camera("lobby"), "session"))
    again = make_pipeline_of_replay(bus)
    assert [d.message.info for d in again] == [samples.info(), samples.info()]
    assert [d.message.id.camera for d in again] == ["lobby.replay"] * 2
    assert [d.message.id.seq for d in again] == [0, 1]
    assert bus.counters("lobby").gaps == 3


def make_pipeline_of_replay(bus: Bus) -> list[Any]:
    return FrameReader(bus, "again").take(9, 0)


def test_a_frame_that_was_replayed_gets_its_pose_message(buried, bus: Bus, dead: Dead) -> None:
    dead("replay", listed(dead)[1]["letter"])
    partition = bus.keys.partition_of("lobby.replay")
    role = buried
    role.camera, role.lease = "lobby.replay", role.leases.take(partition)
    role.infer(9)
    role.commit(sorted(role.take_maps(), key=lambda d: d.message.id.ticket))
    assert role.committed_seqs() == [0]
    assert bus.counters("lobby.replay").sessions_ended == 1


def test_letters_are_thrown_away_by_name_or_all(buried, dead: Dead) -> None:
    first = listed(dead)[0]["letter"]
    assert json.loads(dead("purge", first, "--json")) == {"purged": 1}
    assert "2 dead letters are gone" in dead("purge", "--all")
    assert listed(dead) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("purge",), "which dead letters?"),
        (("replay", "1:1-1", "--all"), "which dead letters?"),
        (("show", "door"), "no dead letter's name"),
        (("show", "9:1-1"), "no dead letter's name"),
        (("show", "1:1-1"), "there is no dead letter 1:1-1"),
    ],
)
def test_what_can_not_be_chosen_is_one_sentence(
    server, bus: Bus, dead: Dead, arguments: tuple[str, ...], words: str
) -> None:
    assert words in dead(*arguments, code=2)


def test_maps_and_nameless_entries_are_listed_and_can_not_be_replayed(bus: Bus, dead: Dead) -> None:
    pipeline = make_pipeline(bus, "lobby")
    stream = bus.keys.maps(pipeline.partition)
    bus.client.xadd(stream, {"x": "y"})
    bus.client.xadd(bus.keys.frames(pipeline.partition), {"c": "\x1b]0;title\x07", "p": "1"})
    pipeline.take_maps()
    pipeline.frames.take(9, 0)
    assert [row["camera"] for row in listed(dead)] == [None, None]
    said = dead("replay", "--all", "--json", code=3)
    assert {json.loads(line)["frame"] for line in said.splitlines()} == {""}
    assert len(listed(dead)) == 2
