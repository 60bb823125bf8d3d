"""Bring up to date what hangs on the shipped weights; run this whenever they change.

Writes `pose.xml`, `pose-int8.xml` and their `.bin` beside the weights, and here `reference.npz`: a
cut of the test clip and what the weights make of it. Int8 is calibrated on a folder of training
pictures: .venv/bin/python tests/ghostpose/network/refresh_shipped.py PICTURES
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np
import torch

from ghostpose.network.export import export_openvino
from ghostpose.network.model import normalise
from ghostpose.network.weights import (
    SHIPPED_INT8,
    SHIPPED_WEIGHTS,
    file_sha256,
    load_network,
)
from training.data.sources import read_held_out
from training.quantise import choose_pictures, export_int8

ROOT = Path(__file__).parents[3]
REFERENCE = Path(__file__).with_name("reference.npz")


def main() -> None:
    export_openvino(SHIPPED_WEIGHTS, SHIPPED_WEIGHTS.with_suffix(".xml"))
    held_out = read_held_out(ROOT / "configs/training/held-out.txt")
    export_int8(SHIPPED_WEIGHTS, SHIPPED_INT8, choose_pictures(Path(sys.argv[1]), held_out))
    network, _ = load_network(SHIPPED_WEIGHTS)
    with av.open(str(ROOT / "docs/media/vtest-cut.mp4")) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="bgr24")
    image = np.ascontiguousarray(frame[208:320, 208:304])
    with torch.inference_mode():
        pcm, paf = network(normalise(torch.from_numpy(image).permute(2, 0, 1)[None].float()))[-1]
    np.savez_compressed(
        REFERENCE,
        image=image,
        pcm=pcm[0].numpy(),
        paf=paf[0].numpy(),
        weights_sha256=file_sha256(SHIPPED_WEIGHTS),
    )


if __name__ == "__main__":
    main()
