"""Writes a measured AP into the header of the weights that it was measured with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ghostpose.errors import UserError
from ghostpose.network.weights import load_network, save_network

if TYPE_CHECKING:
    from pathlib import Path


def record_ap(weights: Path, name: str, ap: float) -> None:
    """Add the AP on the set called `name` to a weights file; its tensors stay as they are.

    Raises:
        UserError: the file is of a kind that has no such header. WeightsError: it is damaged.
    """
    if weights.suffix != ".safetensors":
        raise UserError(f"--record writes into .safetensors weights, not into {weights}")
    network, header = load_network(weights)
    save_network(weights, network, replace(header, ap={**header.ap, name: round(ap, 4)}))
