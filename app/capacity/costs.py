"""What a frame and a process cost, as `make bench` measured it on one machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from ghostpose.errors import UserError
from ghostpose.frozen import Frozen

COMMITTED: Final = Path(__file__).parent / "costs.json"
"""The unit costs that come with ghostpose."""

RESULTS_KEY: Final = "unit_costs"
"""Where the benchmark's results hold them."""

Role = Literal["ingest", "inference", "postprocess", "store", "server"]
GrowsWith = Literal["source", "network", "frames"]
"""Pixels of the source's picture, pixels of the network's, or nothing but the number of frames."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Size = tuple[Annotated[int, Field(ge=8)], Annotated[int, Field(ge=8)]]
"""Width, height in pixels."""


class FrameCost(Frozen):
    """Processor time of one step for one frame of the measured sizes, over all its threads."""

    role: Role
    step: str
    core_ms: Positive
    grows_with: GrowsWith


class Kilobytes(Frozen):
    """What travels for one frame: the picture, its maps, the pose message and tracker's state."""

    frame: Positive
    maps: Positive
    pose: Positive
    state: Positive


class UnitCosts(Frozen):
    """Costs of frames of `source_px` that the network sees as `network_px`.

    The store's is that of a busy one; `store_turns_ms` is what its turns take each second besides,
    while there is little to store. `process_mb`: private memory of a process of a role
    (`ingest`: of one camera's process); `beat_ms`: the server's time for the news of one process,
    which come every two seconds.
    """

    machine: str
    cores: Annotated[int, Field(ge=1)]
    precision: str
    source_px: Size
    network_px: Size
    frame_costs: tuple[FrameCost, ...]
    store_turns_ms: Positive
    kilobytes: Kilobytes
    process_mb: dict[Role, Positive]
    beat_ms: Positive

    def core_ms(self, role: Role, source_px: Size, network_px: Size) -> float:
        """Return a role's processor time for one frame of these sizes."""
        scales = {
            "source": _ratio(source_px, self.source_px),
            "network": _ratio(network_px, self.network_px),
            "frames": 1.0,
        }
        return sum(
            cost.core_ms * scales[cost.grows_with] for cost in self.frame_costs if cost.role == role
        )


def _ratio(size: Size, measured: Size) -> float:
    return size[0] * size[1] / (measured[0] * measured[1])


def read_costs(path: Path = COMMITTED) -> UnitCosts:
    """Read unit costs, or the results of a benchmark that hold them.

    Raises:
        UserError: the file is missing, or holds no unit costs.
    """
    try:
        found = json.loads(path.read_bytes())
        costs = found.get(RESULTS_KEY, found) if isinstance(found, dict) else found
        return UnitCosts.model_validate(costs)
    except OSError as error:
        raise UserError(f"--costs {path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(
            f"--costs {path} holds no unit costs ({where}: {first['msg']}): give the"
            " latest.json that `make bench` writes"
        ) from error
    except ValueError as error:
        raise UserError(f"--costs {path} is no JSON: {error}") from error
