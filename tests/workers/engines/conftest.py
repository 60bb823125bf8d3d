from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch

from ghostpose.network.model import PoseNetwork
from ghostpose.network.options import NetworkOptions
from ghostpose.network.weights import WeightsHeader, save_network

CLIP = Path(__file__).parents[3] / "docs/media/vtest-cut.mp4"
THIN = NetworkOptions(width=0.25, refinement_stages=0)

# Several threads wait for one another on a busy machine.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def people() -> list[np.ndarray]:
    """Three cuts of the clip, 256x256, each with a person in it."""
    with av.open(str(CLIP)) as container:
        frames = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)][:200:80]
    return [np.ascontiguousarray(frame[120:376, 200:456]) for frame in frames]


@pytest.fixture(scope="session")
def thin_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network small enough to export in a test."""
    path = tmp_path_factory.mktemp("engines") / "thin.safetensors"
    torch.manual_seed(11)
    save_network(path, PoseNetwork(THIN), WeightsHeader(THIN, 0.25, "a test"))
    return path
