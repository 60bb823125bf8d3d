"""Weights files: safetensors whose header says which network they are for and where they come from.

Convolutions are float16, batch norms float32 (a variance of 1e-6 would vanish in float16). The
header can be read without torch; only `load_network` and `save_network` need it.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from ghostpose.errors import EngineError, UserError, WeightsError
from ghostpose.network.options import NetworkOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor, nn

    from ghostpose.network.model import PoseNetwork

SHIPPED_WEIGHTS: Final = Path(__file__).parent / "weights" / "pose.safetensors"
"""The weights that come with ghostpose; the exported network lies beside them as `pose.xml`."""

FORMAT: Final = "ghostpose-pose-1"
"""Marks our files; the number grows when tensors are renamed."""

MAX_HEADER_BYTES: Final = 4_000_000
"""A longer header is damage: ours have about 40 kB."""

_LENGTH: Final = struct.Struct("<Q")


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
        object.__setattr__(self, "ap", MappingProxyType(dict(self.ap)))
        if not math.isfinite(self.paf_offset_cells):
            raise WeightsError(f"paf_offset_cells {self.paf_offset_cells} is not a finite number")


def read_header(path: Path) -> WeightsHeader:
    """Return the header of the weights file `path`, reading no tensors and needing no torch.

    Raises:
        WeightsError: the file is missing, damaged, or not a ghostpose weights file.
    """
    return _parse_metadata(path, _read_metadata(path)[0])


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
    metadata, payload_start = _read_metadata(path)
    header = _parse_metadata(path, metadata)
    if expected is not None and header.options != expected:
        raise WeightsError(
            f"weights {path} are for another network: wanted {expected}, got {header.options}"
        )
    raw = path.read_bytes()
    if hashlib.sha256(raw[payload_start:]).hexdigest() != metadata["payload_sha256"]:
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
    _replace_file(path, save(tensors, _format_metadata(header, checksum)))


def _replace_file(path: Path, data: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def _read_metadata(path: Path) -> tuple[dict[str, str], int]:
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
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error) as error:
        raise WeightsError(f"weights {path} are no safetensors file, or damaged") from error
    payload_start = _LENGTH.size + length
    if size != payload_start + end:
        raise WeightsError(
            f"weights {path} are damaged: wanted {payload_start + end} bytes, got {size};"
            " fetch them again"
        )
    return metadata, payload_start


def _parse_metadata(path: Path, metadata: Mapping[str, str]) -> WeightsHeader:
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"weights {path} belong to another network: wanted format {FORMAT!r},"
            f" got {metadata.get('format')!r}"
        )
    try:
        return WeightsHeader(
            options=NetworkOptions(**json.loads(metadata["network"])),
            paf_offset_cells=float(metadata["paf_offset_cells"]),
            provenance=metadata["provenance"],
            ap={name: float(value) for name, value in json.loads(metadata["ap"]).items()},
        )
    except (UserError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise WeightsError(f"weights {path} have a header that makes no sense: {error}") from error


def _format_metadata(header: WeightsHeader, payload_sha256: str) -> dict[str, str]:
    return {
        "format": FORMAT,
        "network": json.dumps(asdict(header.options)),
        "paf_offset_cells": repr(header.paf_offset_cells),
        "provenance": header.provenance,
        "ap": json.dumps(dict(header.ap)),
        "input": "BGR, (x - 128) / 256",
        "payload_sha256": payload_sha256,
    }


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
