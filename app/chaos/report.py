"""A drill's outcome as a table, as a line of JSON, and as a picture of time."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.chaos.drill import Outcome


def table(outcome: Outcome) -> str:
    """Return what became of each camera's frames, and how long each kind of fault took."""
    lines = ["| camera | frames | poses | gaps | skipped | sessions |", "|-|-|-|-|-|-|"]
    for camera, book in outcome.ledger.books.items():
        lines.append(
            f"| {camera} | {book.frames} | {book.poses} | {book.gaps.total()} | {book.skipped}"
            f" | {book.sessions} |"
        )
    lines += ["", "| fault | times | recovery, median s | longest s |", "|-|-|-|-|"]
    took: defaultdict[str, list[float]] = defaultdict(list)
    for one in outcome.happened:
        took[one.kind if " and " not in one.kind else "two at once"].append(one.recovered_s)
    for kind, times in sorted(took.items()):
        median = sorted(times)[len(times) // 2]
        lines.append(f"| {kind} | {len(times)} | {median:.1f} | {max(times):.1f} |")
    return "\n".join(lines)


def values(outcome: Outcome, seed: int) -> dict[str, object]:
    """Return the figures, for programs."""
    ledger = outcome.ledger
    books = ledger.books.values()
    counts = ledger.counts
    return {
        "seed": seed,
        "seconds": round(outcome.seconds),
        "faults": len(outcome.happened),
        "frames": sum(book.frames for book in books),
        "poses": sum(book.poses for book in books),
        "gaps": sum(book.gaps.total() for book in books),
        "skipped": sum(book.skipped for book in books),
        "dead": outcome.dead,
        "sessions": sum(book.sessions for book in books),
        "lost": counts["lost"],
        "doubled": counts["doubled"],
        "disordered": counts["disordered"],
        "violations": counts.total(),
        "ended_by_themselves": outcome.ended,
        "kill_recovery_p95_s": round(outcome.kill_p95_s(), 2),
        "latency_ms": outcome.latency_ms,
        "memory_mb": {
            name: [round(before, 1), round(after, 1)]
            for name, (before, after) in outcome.memory_mb.items()
        },
    }
