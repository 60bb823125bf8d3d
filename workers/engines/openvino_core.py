"""OpenVINO's core, one for the whole process and as long as that lives.

On a processor with AMX, OpenVINO's CPU plugin gives the thread that loads it another stack for
signal handlers, and sets the former one back when its core goes
(https://github.com/openvinotoolkit/openvino/pull/11894). With several cores the former one may be
another core's, and gone by then: the next signal that Python handles, such as a child's end in a
training run, is then handled on memory that is no longer there, or is someone else's. So nothing
else makes a core; ruff sees to that.
"""

from __future__ import annotations

from typing import Final

import openvino

CORE: Final = openvino.Core()  # noqa: TID251 - the one that there is
