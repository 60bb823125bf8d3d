"""Traces for a collector of OpenTelemetry: what one frame of many went through, stage by stage.

A pose message knows what each stage took, in whichever process, so that whoever commits it can tell
the whole trace: nothing has to travel with the frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from ghostpose.errors import PackageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ghostpose.types import PoseMessage

FLUSH_MS: Final = 2000
"""How long one that stops waits for a collector to take the last traces."""


class Traces(Protocol):
    """Somebody who is told of committed frames."""

    def tell(self, pose: PoseMessage, published_ms: int) -> None:
        """Tell a frame that was published then, by the server's clock."""


class NoTraces:
    """Tells nobody."""

    def tell(self, pose: PoseMessage, published_ms: int) -> None:
        """Do nothing."""


class FrameTraces:
    """Tells a collector at `url` (OTLP over HTTP) of one frame in `every` of each camera.

    In batches, from a thread of its own: a collector that is away costs traces and nothing else.

    Raises:
        PackageError: the packages of the extra `otel` aren't installed.
    """

    def __init__(self, url: str, every: int) -> None:
        self._every = every
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as cause:
            raise PackageError(
                f"metrics.traces needs OpenTelemetry, which isn't installed ({cause}):"
                " pip install 'ghostpose[otel]'."
            ) from cause
        self._provider = TracerProvider(resource=Resource.create({"service.name": "ghostpose"}))
        exporter = OTLPSpanExporter(endpoint=f"{url.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("ghostpose")

    def tell(self, pose: PoseMessage, published_ms: int) -> None:
        """See `Traces.tell`."""
        if pose.seq % self._every:
            return
        from opentelemetry.trace import set_span_in_context

        spans = list(stages(pose, published_ms))
        frame = self._tracer.start_span("frame", start_time=spans[0][1], attributes=_about(pose))
        within = set_span_in_context(frame)
        for name, begin_ns, end_ns in spans:
            span = self._tracer.start_span(name, context=within, start_time=begin_ns)
            span.end(end_ns)
        frame.end(spans[-1][2])

    def close(self) -> None:
        """Hand the last ones over, if the collector takes them."""
        self._provider.force_flush(FLUSH_MS)
        self._provider.shutdown()


def stages(pose: PoseMessage, published_ms: int) -> Iterator[tuple[str, int, int]]:
    """Yield each stage of a frame with its begin and end, Unix nanoseconds, one after the other.

    `commit` is the way of the maps and the wait for the frame's turn, before grouping.
    """
    timings = pose.timings_ms
    at_ms = published_ms - timings.encode - timings.decode
    for name in ("decode", "encode", "wait", "inference", "commit", "grouping", "tracking"):
        begin_ms, at_ms = at_ms, at_ms + getattr(timings, name)
        yield name, round(begin_ms * 1e6), round(at_ms * 1e6)


def _about(pose: PoseMessage) -> dict[str, Any]:
    return {
        "camera": pose.camera,
        "session": pose.session,
        "seq": pose.seq,
        "people": len(pose.people),
    }
