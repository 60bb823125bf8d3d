"""What each layer of an OpenVINO network does: its kind, its operations, the values it moves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import openvino

DEPTHWISE, ONE, THREE = "depthwise", "1x1", "3x3"
GATES, JOINING, MOVING = "squeeze-excite", "joining and adding", "layout and precision"

_JOINING = {"Add", "Concat"}
_GATES = {"ReduceMean", "Multiply", "HSigmoid", "HardSigmoid", "Clamp"}


@dataclass(frozen=True, slots=True)
class Layer:
    """`operations` count a multiplication and an addition as two; values are read or written."""

    kind: str
    operations: float
    values_moved: float


def layers_of(model: openvino.Model) -> dict[str, Layer]:
    """Return the layers that compute, by name; the model's shapes are fixed."""
    return {
        op.get_friendly_name(): layer
        for op in model.get_ops()
        if (layer := _layer_of(op)) is not None
    }


def _layer_of(op: openvino.Node) -> Layer | None:
    kind = _kind_of(op)
    if kind is None:
        return None
    out = op.output(0).get_shape()
    values = math.prod(out) + math.prod(op.input(0).get_shape())
    each = 0
    if "Convolution" in op.get_type_name():
        weights = op.input(1).get_shape()
        each = 2 * math.prod(weights) // _outputs_of(op, weights)
        values += math.prod(weights)
    return Layer(kind, float(math.prod(out) * each), float(values))


def _outputs_of(op: openvino.Node, weights: list[int]) -> int:
    """Return the output channels of a convolution, of weights (o, i, h, w) or (g, o, ...)."""
    return weights[0] * weights[1] if op.get_type_name() == "GroupConvolution" else weights[0]


def _kind_of(op: openvino.Node) -> str | None:
    type_name = op.get_type_name()
    if type_name == "GroupConvolution":
        return DEPTHWISE
    if type_name == "Convolution":
        *_, height, width = op.output(0).get_shape()
        if height == width == 1:
            return GATES
        return ONE if op.input(1).get_shape()[-1] == 1 else THREE
    if type_name in _JOINING:
        return JOINING
    return GATES if type_name in _GATES else None
