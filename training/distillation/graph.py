"""An OpenVINO network (IR, `.xml` and `.bin`) as a torch module, to run a teacher beside a student.

OpenVINO runs on processors; beside a student that trains on a GPU its teacher would be the slowest
part. Only the operations that convolutional networks of its kind consist of are known; another one
is refused by name. Quantised weights are used as what they stand for. The quantisation of
activations between layers is left out, rounding and cutting off alike: by it the int8 teacher has
an AP of 0.449 on the held-out training pictures, without it 0.457. Its features lie far apart,
though: a student stays with either.

Shape legend: n pictures; c channels; h, w rows and columns.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ghostpose.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_DTYPES: Final = {"f16": "<f2", "f32": "<f4", "u8": "u1", "i8": "i1", "i64": "<i8"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a graph: its inputs are ids of operations, in the order of its ports."""

    id: str
    name: str
    type: str
    attributes: Mapping[str, str]
    inputs: tuple[str, ...]


class TorchGraph(nn.Module):
    """Runs a graph's operations in order up to the outputs wanted."""

    def __init__(self, path: Path, outputs: Sequence[str]) -> None:
        """Read the network; `outputs` are names of operations.

        Raises:
            DataError: it can't be read, lacks an output, or has an operation that isn't known.
        """
        super().__init__()
        operations, constants = _read(path)
        by_name = {operation.name: operation.id for operation in operations}
        missing = [name for name in outputs if name not in by_name]
        if missing:
            raise DataError(f"network {path} has no operation {missing[0]!r}")
        wanted = [by_name[name] for name in outputs]
        steps: list[Operation] = []
        passed_on: dict[str, str] = {}
        for operation in _needed(operations, wanted):
            if operation.type in ("Const", "Parameter"):
                continue
            if operation.type not in _RULES:
                raise DataError(
                    f"network {path}: operation {operation.name!r} is of type {operation.type}, "
                    f"and only {', '.join(sorted(_RULES))} are known here"
                )
            inputs = tuple(passed_on.get(one, one) for one in operation.inputs)
            if all(one in constants for one in inputs):
                given = [constants[one] for one in inputs]
                constants[operation.id] = _RULES[operation.type](operation.attributes, given)
            elif operation.type == "FakeQuantize":  # between layers: left out
                passed_on[operation.id] = inputs[0]
            else:
                steps.append(replace(operation, inputs=inputs))
        self._outputs = tuple(passed_on.get(one, one) for one in wanted)
        self._steps = _with_biases(steps, constants, self._outputs)
        self._over = _last_uses(self._steps, self._outputs)
        self._input = next(one.id for one in operations if one.type == "Parameter")
        used = {one for step in self._steps for one in step.inputs}
        for number in used & constants.keys():
            self.register_buffer(f"constant_{number}", constants[number], persistent=False)

    def forward(self, images_n3hw: Tensor) -> tuple[Tensor, ...]:
        """Pictures as the network reads them -> the outputs, in the order wanted."""
        values = {self._input: images_n3hw}
        for step, over in zip(self._steps, self._over, strict=True):
            given = [
                values[one] if one in values else getattr(self, f"constant_{one}")
                for one in step.inputs
            ]
            for one in over:  # all layers of a batch together would be gigabytes
                values.pop(one, None)
            values[step.id] = _RULES[step.type](step.attributes, given)
        return tuple(values[one] for one in self._outputs)


def _read(path: Path) -> tuple[list[Operation], dict[str, Tensor]]:
    """Return a network's operations, and its constants by operation id (float64 where floating)."""
    try:
        root = ElementTree.fromstring(path.read_text(encoding="utf-8"))  # noqa: S314 - expat's own limits hold; it is the user's file
        data = path.with_suffix(".bin").read_bytes()
    except (OSError, ElementTree.ParseError, UnicodeDecodeError) as error:
        raise DataError(f"network {path} can't be read: {error}") from error
    try:
        sources: dict[str, dict[int, str]] = {}
        for edge in root.iterfind("edges/edge"):
            ports = sources.setdefault(edge.attrib["to-layer"], {})
            ports[int(edge.attrib["to-port"])] = edge.attrib["from-layer"]
        operations, constants = [], {}
        for layer in root.iterfind("layers/layer"):
            found = layer.find("data")
            attributes = dict(found.attrib) if found is not None else {}
            inputs = tuple(one for _, one in sorted(sources.get(layer.attrib["id"], {}).items()))
            number = layer.attrib["id"]
            operations.append(
                Operation(number, layer.attrib["name"], layer.attrib["type"], attributes, inputs)
            )
            if layer.attrib["type"] == "Const":
                constants[number] = _constant(attributes, data)
    except (KeyError, ValueError) as error:
        raise DataError(f"network {path} is no OpenVINO network: {error}") from error
    return operations, constants


def _constant(attributes: Mapping[str, str], data: bytes) -> Tensor:
    """Return a constant of a network's `.bin`."""
    start, size = int(attributes["offset"]), int(attributes["size"])
    dtype = _DTYPES[attributes["element_type"]]
    array = np.frombuffer(data[start : start + size], dtype).reshape(_numbers(attributes["shape"]))
    integer = attributes["element_type"] == "i64"
    return torch.from_numpy(array.astype(np.int64 if integer else np.float32))


def _needed(operations: Sequence[Operation], outputs: Sequence[str]) -> list[Operation]:
    """Return the operations that `outputs` depend on, each after its inputs."""
    by_id = {operation.id: operation for operation in operations}
    ordered: dict[str, Operation] = {}
    waiting = list(outputs)
    while waiting:
        operation = by_id[waiting[-1]]
        missing = [one for one in operation.inputs if one not in ordered]
        if missing:
            waiting.extend(missing)
        else:
            ordered[waiting.pop()] = operation
    return list(ordered.values())


def _with_biases(
    steps: Sequence[Operation], constants: Mapping[str, Tensor], outputs: Sequence[str]
) -> list[Operation]:
    """Return the steps with each convolution's bias within it, where that is added just after."""
    users = Counter(one for step in steps for one in step.inputs) + Counter(outputs)
    made = {step.id: step for step in steps}
    joined: dict[str, Operation] = {}
    for step in steps:
        before = made.get(step.inputs[0])
        if step.type != "Add" or before is None or users[before.id] > 1:
            continue
        bias = constants.get(step.inputs[1])
        if before.type.endswith("Convolution") and bias is not None and _is_bias(bias):
            inputs = (*before.inputs, step.inputs[1])
            joined[before.id] = replace(before, id=step.id, inputs=inputs)
    gone = {step.id for step in joined.values()}
    return [joined.get(step.id, step) for step in steps if step.id not in gone]


def _is_bias(constant: Tensor) -> bool:
    """Return whether it is one number for each channel: (1, c, 1, 1)."""
    return constant.ndim == 4 and constant.numel() == constant.shape[1]


def _last_uses(steps: Sequence[Operation], outputs: Sequence[str]) -> list[tuple[str, ...]]:
    """Return for each step the operations whose results nobody needs after it."""
    later, over = set(outputs), []
    for step in reversed(steps):
        over.append(tuple(set(step.inputs) - later))
        later |= set(step.inputs)
    return over[::-1]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(",") if number.strip())


def _convolution(attributes: Mapping[str, str], inputs: Sequence[Tensor]) -> Tensor:
    """Convolve, and add the bias if there is one; a grouped weight is (groups, out, in, h, w)."""
    x_nchw, weight, *bias = inputs
    groups = weight.shape[0] if weight.ndim == 5 else 1
    before, after = _numbers(attributes["pads_begin"]), _numbers(attributes["pads_end"])
    if before != after:
        raise DataError(f"convolution pads {before} before and {after} after: wanted the same")
    return F.conv2d(
        x_nchw,
        (weight.flatten(0, 1) if weight.ndim == 5 else weight).to(x_nchw.dtype),
        bias[0].flatten().to(x_nchw.dtype) if bias else None,
        stride=_numbers(attributes["strides"]),
        padding=before,
        dilation=_numbers(attributes["dilations"]),
        groups=groups,
    )


def _fake_quantize(attributes: Mapping[str, str], inputs: Sequence[Tensor]) -> Tensor:
    """Round to `levels` steps between the limits: what a quantised constant stands for."""
    x, in_low, in_high, out_low, out_high = inputs
    steps = int(attributes["levels"]) - 1
    share = ((x - in_low) / (in_high - in_low)).clamp(0, 1)
    return (share * steps).round() / steps * (out_high - out_low) + out_low


def _reshape(_: Mapping[str, str], inputs: Sequence[Tensor]) -> Tensor:
    """Reshape a constant; 0 keeps a side."""
    x, wanted = inputs
    sides = [x.shape[i] if side == 0 else int(side) for i, side in enumerate(wanted.tolist())]
    return x.reshape(sides)


_Rule = Callable[[Mapping[str, str], Sequence[Tensor]], Tensor]

_RULES: Final[Mapping[str, _Rule]] = {
    "Add": lambda _, x: x[0] + x[1].to(x[0].dtype),
    "Concat": lambda a, x: torch.cat(tuple(x), int(a["axis"])),
    "Convert": lambda _, x: x[0],
    "Convolution": _convolution,
    "Elu": lambda a, x: F.elu(x[0], float(a["alpha"])),
    "FakeQuantize": _fake_quantize,
    "GroupConvolution": _convolution,
    "Multiply": lambda _, x: x[0] * x[1].to(x[0].dtype),
    "ReLU": lambda _, x: F.relu(x[0]),
    "Reshape": _reshape,
}
