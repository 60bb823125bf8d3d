"""A call of the network is over only when nothing of it runs any more, whatever fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from workers.engines.openvino_network import Network
from workers.engines.openvino_requests import Requests

if TYPE_CHECKING:
    import openvino


class _Request:
    """Runs until it is waited for; the first one fails then."""

    def __init__(self, *, fails: bool) -> None:
        self.fails, self.runs = fails, False

    def set_input_tensor(self, *_: object) -> None: ...

    def set_output_tensor(self, *_: object) -> None: ...

    def start_async(self) -> None:
        self.runs = True

    def wait(self) -> None:
        was_running, self.runs = self.runs, False
        if was_running and self.fails:
            raise RuntimeError("out of memory")


class _Compiled:
    def __init__(self) -> None:
        self.requests: list[_Request] = []

    def get_property(self, _: str) -> int:
        return 2

    def create_infer_request(self) -> _Request:
        self.requests.append(_Request(fails=not self.requests))
        return self.requests[-1]


def test_a_call_that_fails_waits_for_its_other_pictures_whose_memory_is_still_written_to() -> None:
    compiled = _Compiled()
    network = Network(Path("x.xml"), cast("openvino.Model", None), 0, 1, 0.0, is_int8=False)
    requests = Requests(cast("openvino.CompiledModel", compiled), network, (1, 1), lanes=1)
    with pytest.raises(RuntimeError, match="out of memory"):
        requests.run([np.zeros((8, 8, 3), np.uint8)] * 2)
    assert not any(request.runs for request in compiled.requests)
