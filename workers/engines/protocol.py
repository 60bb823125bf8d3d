"""What every inference engine offers, and how one is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, get_args

from ghostpose.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ghostpose.types import ByteArray, Maps

EngineName = Literal["auto", "openvino", "torch"]
Precision = Literal["auto", "f32", "f16", "bf16", "int8"]

MAX_SHAPES: Final = 16
"""Picture sizes an engine keeps a compiled network for; the least recently used goes first.

Compiling takes about a second, which cameras of more sizes than this would pay for each frame. A
size takes memory for its activations: about 100 MB at 368 rows on two cores, so 16 of them 1.6 GB.
"""


class Engine(Protocol):
    """Pictures in, maps out, on one device. Belongs to so many threads as it has `lanes`."""

    name: str
    """`openvino` or `torch`."""

    device: str
    """Where it computes: `cpu`, `gpu`, `cuda:0`."""

    precision: str
    """What it computes in: `f32`, `f16`, `bf16` or `int8`."""

    lanes: int
    """How many calls of `infer` may go on at once: more than one, where the cores would wait for
    the last pictures of a call before they begin with those of the next."""

    paf_offset_cells: float
    """Goes into every `Maps`: a point at PCM cell u is at PAF cell u + this."""

    def warm_up(self, height: int, width: int, batch: int = 1) -> None:
        """Prepare for pictures of this size in pixels, so that the first real one isn't late.

        So many are run; with 0 the network is only compiled, which is most of it.
        """

    def infer(self, images: Sequence[ByteArray]) -> list[Maps]:
        """Return the maps of each picture, in order.

        Pictures are BGR uint8 (h, w, 3), all of one size, both sides multiples of 8.

        Raises:
            InvalidValueError: they aren't.
        """


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Everything an engine is made from."""

    weights: Path
    """A file that this engine reads: .safetensors, .xml or .onnx."""

    device: str = "auto"
    """`auto`, `cpu`, `cuda`, `cuda:1`, `gpu` ... in lower case."""

    precision: Precision = "auto"
    """`auto` takes the fastest that the device computes natively; CPUs: int8, bf16 or f32. In int8
    are only networks made for it: the one that comes with ghostpose, and exported ones."""

    threads: int = 0
    """CPU threads to compute on; 0 leaves it to the engine, which takes every core."""

    batch: int = 1
    """How many pictures a call usually brings: 1 asks for low latency, more for throughput."""

    paf_offset_cells: float | None = None
    """Overrides what the network says about itself; for networks that say nothing."""

    deterministic: bool = False
    """Equal pictures give equal bits in every run: one picture at a time, f32, fixed threads."""

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            choices = ", ".join(get_args(Precision))
            raise EngineError(f"precision {self.precision!r} is unknown: choose from {choices}")
        if self.threads < 0 or self.batch < 1:
            raise EngineError(f"threads {self.threads} must be >= 0 and batch {self.batch} >= 1")
        if self.deterministic and self.precision not in ("auto", "f32"):
            raise EngineError(f"deterministic results need precision f32, not {self.precision}")
