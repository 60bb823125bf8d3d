"""A frozen model that shows no password: what every part of the configuration is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ghostpose.redaction import without_password

if TYPE_CHECKING:
    from collections.abc import Iterator


class Frozen(BaseModel):
    """Takes no unknown setting, can't be changed, and hides passwords where it is shown."""

    # Input may hold a password, and pydantic would show it in traces.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        for name, value in super().__repr_args__():
            yield name, without_password(value) if isinstance(value, str) else value
