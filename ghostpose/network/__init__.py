"""The Ghost-backbone pose network, its baselines, its weights."""

import sys

# OpenVINO tells a statistics service on the Internet of each import, unless this is missing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # marks it so
