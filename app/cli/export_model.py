"""`ghostpose export-model`: weights as an ONNX or OpenVINO network, in float or int8."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from ghostpose.errors import EngineError, UserError

EXAMPLES: Final = (
    "Examples: ghostpose export-model pose.onnx --format onnx;"
    " ghostpose export-model pose-int8.xml --precision int8 --calibrate pictures"
)

Format = Literal["onnx", "openvino"]
Precision = Literal["f16", "f32", "int8"]

_SUFFIXES: Final = {"onnx": ".onnx", "openvino": ".xml"}


def export_model(
    output: Annotated[Path, typer.Argument(help="File to write: .onnx, or .xml (with a .bin).")],
    format_: Annotated[
        Format | None, typer.Option("--format", help="What to write; else by the file's suffix.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.safetensors); ghostpose's own if not given.")
    ] = None,
    precision: Annotated[
        Precision | None, typer.Option(help="f16 (OpenVINO's default), f32 (ONNX's) or int8.")
    ] = None,
    calibrate: Annotated[
        Path | None, typer.Option(help="int8: folder of training pictures to measure ranges on.")
    ] = None,
    without: Annotated[
        Path | None, typer.Option(help="int8: file of picture names that are not to be used.")
    ] = None,
    pictures: Annotated[int, typer.Option(min=8, help="int8: how many pictures to use.")] = 200,
    height: Annotated[int, typer.Option(min=64, help="int8: height of those pictures.")] = 368,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as a line.")] = (
        False
    ),
) -> None:
    """Write weights as a network that other programs read; batch norms folded, scaling inside."""
    if importlib.util.find_spec("torch") is None:
        raise EngineError("ghostpose export-model needs torch: pip install 'ghostpose[train]'")
    from ghostpose.network.weights import SHIPPED_WEIGHTS

    kind = _format(output, format_)
    source = weights if weights is not None else SHIPPED_WEIGHTS
    chosen = precision or ("f32" if kind == "onnx" else "f16")
    if (calibrate is not None) != (chosen == "int8"):
        raise UserError("--calibrate goes with --precision int8: give both or neither")
    written: dict[str, object] = {"file": str(output), "format": kind, "precision": chosen}
    if calibrate is not None:
        if kind == "onnx":
            raise UserError("int8 is written for OpenVINO only: give a file that ends in .xml")
        from training.data.sources import read_held_out
        from training.quantise import choose_pictures, export_int8

        names = read_held_out(without) if without else frozenset[str]()
        paths = choose_pictures(calibrate, names, pictures)
        written["calibrated_on"] = export_int8(source, output, paths, height)
    else:
        _export(kind, source, output, chosen)
    typer.echo(json.dumps(written) if as_json else f"{output}: {kind}, {chosen}")


def _format(output: Path, wanted: Format | None) -> Format:
    """Return what to write, by the option or the file's suffix.

    Raises:
        UserError: the suffix is neither's, or not that of the option.
    """
    kinds: list[Format] = ["onnx", "openvino"] if wanted is None else [wanted]
    for kind in kinds:
        if output.suffix == _SUFFIXES[kind]:
            return kind
    suffixes = " or ".join(_SUFFIXES[kind] for kind in kinds)
    raise UserError(f"{output}: a network's file ends in {suffixes}")


def _export(kind: Format, weights: Path, output: Path, precision: Precision) -> None:
    from ghostpose.network.export import export_onnx, export_openvino

    assert precision != "int8"
    export = export_onnx if kind == "onnx" else export_openvino
    export(weights, output, precision=precision)
