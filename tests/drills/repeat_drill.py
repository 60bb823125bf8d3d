"""Analyse a recording again and again: is it the same each time, also with everything killed?

    make repeat
    PYTHONPATH=.:tests python tests/drills/repeat_drill.py --clip clip.mp4 --kills 6 --seed 1

Five runs with the network. Two as they come: the same people in the same frames, key points within
half a pixel. Three with --deterministic, in the last of which processes are killed at random: the
same rows in the store, byte for byte, but for what a clock said (tests/stored.py says which).
Ends with 1 if not.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from deployment import run_drill
from integration.run_support import CLIP, ROOT, Ghostpose, camera_processes
from stored import furthest_px, rows_of

VTEST = ROOT.parent / "shared" / "data" / "clips" / "vtest.avi"
WITHIN_PX = 0.5
HURRY_S = 3600.0
ROLES = ("infer", "postprocess", "camera", "store")


def analysed(clip: Path, output: Path, *more: str, kills: int = 0, seed: int = 0) -> Path:
    """Analyse a clip once, killing processes meanwhile; return where its store is."""
    output.mkdir()
    options = ("--policy", "every", "--inference", "1", "--output", str(output), "--json", *more)
    begun_s = time.monotonic()
    run = Ghostpose(("run", str(clip), *options))
    killed = kill_some(run, output, kills, Random(seed))
    done = run.finish(HURRY_S)
    if done.code:
        sys.exit(f"{output.name}: the run ended with {done.code}: {done.err}")
    took = f"{done.summary['poses']} poses in {time.monotonic() - begun_s:.0f} s"
    print(f"{output.name}: {took}; killed: {killed or 'nobody'}", flush=True)
    return output


def kill_some(run: Ghostpose, output: Path, kills: int, random: Random) -> str:
    """Kill a process of a role chosen by chance, again and again, each time after new poses."""
    killed, seen = [], 0
    for number in range(kills):
        seen = wait_for_more(run, output, seen + random.randint(1, 20))
        role = ROLES[number % len(ROLES)] if number < len(ROLES) else random.choice(ROLES[:3])
        pids = camera_processes(run) if role == "camera" else run.children(role)
        if run.process.poll() is None and pids:
            os.kill(random.choice(pids), signal.SIGKILL)
            killed.append(f"{role} after {seen} poses")
    return ", ".join(killed)


def wait_for_more(run: Ghostpose, output: Path, wanted: int) -> int:
    """Wait until so many poses were delivered, or the run's end; return how many were."""
    poses = output / "poses.jsonl"
    while run.process.poll() is None:
        count = poses.read_bytes().count(b"\n") if poses.exists() else 0
        if count >= wanted:
            return count
        time.sleep(0.02)
    return wanted


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--clip", type=Path, default=VTEST if VTEST.is_file() else CLIP)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, strict = Path(name), "--deterministic"
        once = analysed(given.clip, folder / "once")
        again = analysed(given.clip, folder / "again")
        apart_px = furthest_px(once, again)
        exact = analysed(given.clip, folder / "deterministic", strict)
        exact_again = analysed(given.clip, folder / "deterministic again", strict)
        after_kills = analysed(
            given.clip, folder / "killed", strict, kills=given.kills, seed=given.seed
        )
        wanted = rows_of(exact)
        rows = sum(map(len, wanted.values()))
        verdicts = {
            f"as it comes, key points within {apart_px:.2f} px": apart_px <= WITHIN_PX,
            f"deterministic, the same {rows} rows": rows_of(exact_again) == wanted,
            "with processes killed, the same rows": rows_of(after_kills) == wanted,
        }
    for verdict, holds in verdicts.items():
        print(f"{'yes' if holds else 'NO '}  {verdict}")
    return 0 if all(verdicts.values()) else 1


if __name__ == "__main__":
    run_drill(main)
