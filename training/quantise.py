"""Weights to an int8 OpenVINO network, calibrated on training pictures. Needs torch and nncf.

Weights and activations become int8 after training (NNCF's post-training quantisation), but for the
layers that lose most by it: the first, and the last 1x1 convolution of every head, since what it
gives is the result itself.
"""

from __future__ import annotations

import importlib.util
import logging
import random
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ghostpose.errors import DataError, EngineError
from ghostpose.network.export import openvino_model, save_openvino
from training.data.folders import read_folder
from training.data.pictures import read_picture
from training.evaluation.predict import network_picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ghostpose.types import ByteArray, FloatArray

MIN_PICTURES: Final = 8

_LAST_LAYERS: Final = r".*\.(pcm|paf)\.1\.conv/.*"
"""Names of the convolutions that give the maps of a stage."""

_FIRST_LAYERS: Final = r".*backbone\.(stem|blocks\.0)\..*"
"""Names of the layers at half of the picture's size: in int8 they cost half a point of AP."""

_log = logging.getLogger("quantise.export_int8")


def export_int8(weights: Path, out: Path, pictures: Sequence[Path], height: int = 368) -> int:
    """Write the network in `weights` to `out` (.xml, and .bin beside it) in int8.

    The ranges of activations are measured on `pictures` at `height`; returns how many of them could
    be read.

    Raises:
        EngineError: nncf isn't installed.
        DataError: fewer than `MIN_PICTURES` of the pictures can be read.
        WeightsError: `weights` are missing, damaged or of another network.
    """
    if importlib.util.find_spec("nncf") is None:
        raise EngineError("int8 needs nncf: pip install 'ghostpose[train]'")
    import nncf

    model = openvino_model(weights, "int8")
    calibration = list(_read(pictures, height))
    if len(calibration) < MIN_PICTURES:
        raise DataError(
            f"{len(calibration)} pictures are too few to calibrate int8:"
            f" give {MIN_PICTURES} or more"
        )
    _silence(nncf)
    quantised: Any = nncf.quantize(
        model,
        nncf.Dataset(calibration, _as_input),
        preset=nncf.QuantizationPreset.MIXED,  # activations around zero are not symmetric (ELU)
        subset_size=len(calibration),
        ignored_scope=nncf.IgnoredScope(patterns=[_FIRST_LAYERS, _LAST_LAYERS]),
    )
    save_openvino(quantised, out, compress=True)
    return len(calibration)


def choose_pictures(
    folder: Path, held_out: frozenset[str] = frozenset(), count: int = 200
) -> Sequence[Path]:
    """Return `count` pictures of a folder, the same ones at every call, none of those held out."""
    paths = [picture.path for picture in read_folder(folder) if picture.path.name not in held_out]
    return random.Random(0).sample(paths, min(count, len(paths)))


def _read(pictures: Sequence[Path], height: int) -> Iterator[ByteArray]:
    """Yield the pictures that can be read, as the network sees them, (h, w, 3) BGR."""
    for path in pictures:
        try:
            yield network_picture(read_picture(path), height)
        except DataError as error:
            _log.warning("%s; skipped", error)


def _as_input(image_hw3: ByteArray) -> FloatArray:
    return image_hw3.transpose(2, 0, 1)[None].astype(np.float32)


def _silence(nncf: Any) -> None:
    """Keep its notes off the terminal; warnings stay."""
    nncf.set_log_level(logging.WARNING)
