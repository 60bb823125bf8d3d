"""Whom the blurring privacy modes hide: `python benchmarks/privacy_bench.py IMAGES ANNOTATIONS`.

Pictures with people's key points in COCO's layout; the network of ghostpose, one look at each
picture. A face counts as hidden if every labelled key point of it lies in a masked area, a body if
nine in ten of its key points do. In a stream those who are missed for a moment are hidden as well,
so it is a little better there. Large people are those over a third of the picture's height: only of
them a preview of 480 pixels shows a face.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from app.pictures import find_people
from ghostpose.masking import body_area, head_area
from postprocess.grouping import GroupingOptions
from workers.engines import create_engine

if TYPE_CHECKING:
    from ghostpose.types import FloatArray, Person

FACE = slice(0, 5)
"""COCO's nose, eyes and ears."""

LARGE = 1 / 3


@dataclass
class Hidden:
    """How many were to be hidden, and how many were."""

    people: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    hidden: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, kind: str, hidden: bool) -> None:
        self.people[kind] += 1
        self.hidden[kind] += hidden

    def lines(self) -> list[str]:
        return [
            f"{kind:24} {self.hidden[kind]:5} of {count:5}, {self.hidden[kind] / count:.1%}"
            for kind, count in sorted(self.people.items())
        ]


def inside(points_n2: FloatArray, areas: list[tuple[float, ...]]) -> float:
    """Return the share of points that lie in any of the areas."""
    x, y = points_n2.T
    found = np.zeros(len(points_n2), bool)
    for left, top, right, bottom in areas:
        found |= (left <= x) & (x <= right) & (top <= y) & (y <= bottom)
    return float(found.mean())


def look(tally: Hidden, labels: list[dict[str, Any]], people: list[Person], height: int) -> None:
    heads, bodies = [head_area(p) for p in people], [body_area(p) for p in people]
    for label in labels:
        points_k3 = np.array(label["keypoints"], np.float32).reshape(17, 3)
        size = "large" if label["bbox"][3] >= LARGE * height else "small"
        face_n3, body_n3 = (part[part[:, 2] == 2] for part in (points_k3[FACE], points_k3))
        if len(face_n3) >= 2:
            tally.add(f"faces, {size} people", inside(face_n3[:, :2], heads) == 1)
        if len(body_n3) >= 5:
            tally.add(f"bodies, {size} people", inside(body_n3[:, :2], bodies) >= 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("annotations", type=Path)
    parser.add_argument("--height", type=int, default=368)
    given = parser.parse_args()
    content = json.loads(given.annotations.read_text())
    labels: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for label in content["annotations"]:
        if not label["iscrowd"] and label["num_keypoints"]:
            labels[label["image_id"]].append(label)
    engine, tally = create_engine(), Hidden()
    for image in content["images"]:
        path = given.images / image["file_name"]
        found = find_people(path, engine, given.height, GroupingOptions()).message
        look(tally, labels[image["id"]], list(found.people), found.height)
    print(f"{len(content['images'])} pictures at height {given.height}")
    print("\n".join(tally.lines()))


if __name__ == "__main__":
    main()
