"""What an exported network (OpenVINO or ONNX) says about itself. Needs neither torch nor OpenVINO.

An exported network takes `image`, BGR 0..255, (n, 3, h, w), and gives `pcm` (n, 19, h/8, w/8) and
`paf` (n, 38, h/8, w/8): scaling is inside, batch norms are folded.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ghostpose.errors import UserError, WeightsError
from ghostpose.network.weights import WeightsHeader  # noqa: TC001 - pydantic reads it

ExportPrecision = Literal["f16", "f32", "int8"]
"""How an exported network's constants are stored; what it computes in is the engine's choice, but
for `int8`, which computes as much in int8 as the processor has instructions for."""

INPUT_NAME: Final = "image"
PCM_NAME: Final = "pcm"
PAF_NAME: Final = "paf"

RECORD_KEY: Final = "ghostpose"
"""Where the record lies: OpenVINO's rt_info, ONNX's metadata_props."""


class ExportRecord(BaseModel):
    """Travels inside an exported network, as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header: WeightsHeader
    weights_sha256: str
    """SHA-256 of the .safetensors file it was exported from: tells whether it is up to date."""
    precision: ExportPrecision


def parse_record(owner: str, text: str) -> ExportRecord:
    """Return the record in `text`; `owner` names the network in an error.

    Raises:
        WeightsError: `text` is no record.
    """
    try:
        return ExportRecord.model_validate_json(text)
    except (UserError, ValidationError) as error:
        raise WeightsError(f"network {owner} has a damaged {RECORD_KEY!r} record") from error
