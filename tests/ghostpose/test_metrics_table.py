from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import prometheus_client

from ghostpose.metrics import Metric, count

if TYPE_CHECKING:
    import pytest


def test_a_metric_that_threads_need_at_once_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    make, failures = prometheus_client.Counter, list[Exception]()
    metric = Metric("counter", "ghostpose_made_by_a_test_total", "Made by a test", ())

    def make_slowly(*arguments: Any) -> Any:
        time.sleep(0.05)  # long enough for all others to come
        return make(*arguments)

    def use() -> None:
        try:
            count(metric)
        except ValueError as failure:
            failures.append(failure)

    monkeypatch.setattr(prometheus_client, "Counter", make_slowly)
    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert prometheus_client.REGISTRY.get_sample_value(metric.name) == 4
