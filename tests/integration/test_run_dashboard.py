"""`ghostpose run --dashboard`: the page's process beside the others, and cameras changed by it."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import httpx
import pytest
from bus_servers import free_ports
from run_support import CLIP, Ghostpose, wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)


def test_cameras_of_a_live_run_are_shown_added_and_removed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    site, at = tmp_path / "site.yaml", f"127.0.0.1:{port}"
    site.write_text(f"cameras: [{{name: hall, source: {CLIP}, loop: true, height: 64}}]")
    run = Ghostpose(("run", "--config", str(site), "--engine", "stub:1", "--listen", at))
    try:
        with httpx.Client(base_url=f"http://{at}/api", timeout=60) as client:

            def healths() -> dict[str, str]:
                try:
                    found = client.get("/cameras").json()["cameras"]
                except httpx.TransportError:
                    return {}
                return {camera["name"]: camera["health"] for camera in found}

            def roles() -> set[str]:
                return {worker["role"] for worker in client.get("/fleet").json()["workers"]}

            wait_until(lambda: healths().get("hall") == "live")
            wait_until(lambda: {"dashboard", "inference", "postprocess", "supervisor"} <= roles())
            door = {"name": "door", "source": "pattern:people=2", "settings": {"height": 64}}
            assert client.post("/cameras", json=door).status_code == 201
            wait_until(lambda: healths().get("door") == "live")
            for name in ("door", "hall"):
                assert client.delete(f"/cameras/{name}").status_code == 204
            wait_until(lambda: healths() == {})
    finally:
        run.process.send_signal(signal.SIGINT)
    done = run.finish(limit_s=60)
    assert done.code == 0, done.err
    assert f"the dashboard is at http://{at}/" in done.err
    assert re.search(r"poses can be read at unix:///\S+/redis\.sock\n", done.err)
