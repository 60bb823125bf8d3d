"""Weights files: safetensors whose header says which network they are for and where they come from.

Convolutions are float16, batch norms float32 (a variance of 1e-6 would vanish in float16). The
header can be read without torch; only `load_network` and `save_network` need it.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping  # noqa: TC003 - pydantic reads it
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from ghostpose.errors import EngineError, UserError, WeightsError
from ghostpose.network.options import NetworkOptions  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ghostpose.network.model import PoseNetwork

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "pose.safetensors"
"""The weights that come with ghostpose; the exported network lies beside them as `pose.xml`."""

SHIPPED_INT8: Final = SHIPPED_WEIGHTS.with_name("pose-int8.xml")
"""The same in int8, for processors that gain from it."""

FORMAT: Final = "ghostpose-pose-1"
"""The safetensors metadata key that marks our files, its value our header as JSON.

The number grows when tensors are renamed. One key, because safetensors writes several in random
order, and equal weights should be equal files.
"""

MAX_HEADER_BYTES: Final = 4_000_000
"""A longer header is damage: ours have about 40 kB."""

_LENGTH: Final = struct.Struct("<Q")

_DAMAGE: Final = (
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError),
    struct.error,
)
"""What reading damaged bytes as a safetensors header can raise."""


@dataclass(frozen=True, slots=True)
class WeightsHeader:
    """What a weights file says about itself."""

    options: NetworkOptions
    """The network the tensors belong to."""

    paf_offset_cells: float = 0.0
    """A point at PCM cell u is at PAF cell u + this (inherited from the teacher's targets)."""

    provenance: str = ""
    """How these weights came to be: data, teacher, starting point; for a person to read."""

    ap: Mapping[str, float] = field(default_factory=dict)
    """COCO key point AP (0 to 1) by the name of the evaluation set."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ap", dict(self.ap))
        if not math.isfinite(self.paf_offset_cells):
            raise WeightsError(f"paf_offset_cells {self.paf_offset_cells} is not a finite number")


def read_header(path: Path) -> WeightsHeader:
    """Return the header of the weights file `path`, reading no tensors and needing no torch.

    Raises:
        WeightsError: the file is missing, damaged, or not a ghostpose weights file.
    """
    return _read_record(path)[0].header


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of the whole file: exported networks record whose weights they hold.

    Raises:
        WeightsError: the file is missing or can't be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"weights {path} can't be read: {error.strerror}") from error


def load_network(
    path: Path, *, expected: NetworkOptions | None = None
) -> tuple[PoseNetwork, WeightsHeader]:
    """Return the network in `path`, float32 on the CPU in eval mode, with its header.

    Raises:
        WeightsError: the file is missing, damaged or of another kind, or its network is not
            `expected` (None takes any pose network).
        EngineError: torch isn't installed.
    """
    record, payload_start = _read_record(path)
    header = record.header
    if expected is not None and header.options != expected:
        raise WeightsError(
            f"weights {path} are for another network: wanted {expected}, got {header.options}"
        )
    raw = path.read_bytes()
    if hashlib.sha256(raw[payload_start:]).hexdigest() != record.payload_sha256:
        raise WeightsError(f"weights {path} are damaged (checksum differs): fetch them again")
    return _fill_network(path, header.options, raw), header


def save_network(path: Path, network: PoseNetwork, header: WeightsHeader) -> None:
    """Write `network` and `header` to `path`, replacing it in one step.

    Raises:
        WeightsError: `header` describes another network, or a tensor isn't finite in float16.
    """
    if header.options != network.options:
        raise WeightsError(f"{path}: the header says {header.options}, not {network.options}")
    from safetensors.torch import save

    tensors = _stored_tensors(network)
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise WeightsError(f"{path}: tensor {name} is not finite as {tensor.dtype}; not saved")
    # The payload does not depend on the metadata, so its checksum can be put there afterwards.
    draft = save(tensors)
    payload = draft[_LENGTH.size + _LENGTH.unpack_from(draft)[0] :]
    checksum = hashlib.sha256(payload).hexdigest()
    record = _Record(header=header, payload_sha256=checksum)
    _replace_file(path, save(tensors, {FORMAT: record.model_dump_json()}))


def _replace_file(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)


class _Record(BaseModel):
    """The value of the metadata key `FORMAT`: the header, and a checksum of the tensors' bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: WeightsHeader
    payload_sha256: str


def _read_record(path: Path) -> tuple[_Record, int]:
    """Return a weights file's record and where its tensors' bytes start."""
    metadata, payload_start = _read_metadata(path)
    text = metadata.get(FORMAT) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise WeightsError(
            f"weights {path} belong to another network: they lack the entry {FORMAT!r}"
        )
    try:
        return _Record.model_validate_json(text), payload_start
    except (UserError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise WeightsError(f"weights {path} have a header that makes no sense: {reason}") from error


def _read_metadata(path: Path) -> tuple[object, int]:
    """Return a safetensors file's metadata and where its tensors' bytes start."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            (length,) = _LENGTH.unpack(stream.read(_LENGTH.size))
            if length > min(MAX_HEADER_BYTES, size):
                raise ValueError(f"header of {length} bytes")
            entries = json.loads(stream.read(length))
        metadata = entries.pop("__metadata__", {})
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except FileNotFoundError as error:
        raise WeightsError(f"weights {path} don't exist: check the path") from error
    except OSError as error:
        raise WeightsError(f"weights {path} can't be read: {error.strerror}") from error
    except _DAMAGE as error:
        raise WeightsError(f"weights {path} are no safetensors file, or damaged") from error
    payload_start = _LENGTH.size + length
    if size != payload_start + end:
        raise WeightsError(
            f"weights {path} are damaged: wanted {payload_start + end} bytes, got {size};"
            " fetch them again"
        )
    return metadata, payload_start


def _fill_network(path: Path, options: NetworkOptions, raw: bytes) -> PoseNetwork:
    """Return a network of `options` with the tensors of the safetensors file `raw`."""
    try:
        from safetensors.torch import load

        from ghostpose.network.model import PoseNetwork
    except ImportError as error:
        raise EngineError(
            "loading .safetensors weights needs torch: install it with"
            " pip install 'ghostpose[torch]', or use the exported .xml beside the weights"
        ) from error
    network = PoseNetwork(options).eval()
    state = {name: tensor.float() for name, tensor in load(raw).items()}
    _check_tensors(path, state, _wanted_tensors(network))
    network.load_state_dict(state, strict=False)  # strict would want num_batches_tracked
    return network


def _check_tensors(path: Path, got: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    for name in sorted(got.keys() ^ wanted.keys()):
        what = "lack" if name in wanted else "have an unknown"
        raise WeightsError(f"weights {path} are for another network: they {what} tensor {name}")
    for name, tensor in wanted.items():
        if got[name].shape != tensor.shape:
            raise WeightsError(
                f"weights {path} are for another network: {name} should be"
                f" {tuple(tensor.shape)}, not {tuple(got[name].shape)}"
            )


def _wanted_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that a file holds: all but batch norms' step counters."""
    state = network.state_dict()
    return {name: value for name, value in state.items() if value.is_floating_point()}


def _stored_tensors(network: nn.Module) -> dict[str, Tensor]:
    return {
        name: (tensor.float() if ".norm." in name else tensor.half()).cpu().contiguous()
        for name, tensor in _wanted_tensors(network).items()
    }
