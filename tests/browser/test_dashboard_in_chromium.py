"""The dashboard as somebody sees it: in real Chromium."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from browser_site import CAMERAS, UNKIND
from bus_servers import until
from simulated import HEIGHT, WIDTH
from waiting import wait_until

from ghostpose.bus import Registry
from ghostpose.bus.camera_states import read_camera_states
from ghostpose.bus.heartbeats import Heartbeats
from ghostpose.config import CameraConfig
from ghostpose.drawing import track_colour
from ghostpose.skeleton import KEYPOINTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser_site import Site
    from playwright.sync_api import Page, Route

pytestmark = pytest.mark.timeout(180)

ALL_LIVE = f"document.querySelectorAll('.tile canvas[data-seq]').length === {len(CAMERAS)}"

SEQ = "Number(document.querySelector('.viewer canvas')?.dataset.seq?.split('/')[1])"
"""Which frame a camera's page shows."""

PIXELS = """([camera, points]) => {
  const canvas = document.querySelector(`[data-camera=${camera}] canvas`);
  const scale = Math.min(canvas.width / WIDTH, canvas.height / HEIGHT);
  const left = (canvas.width - scale * WIDTH) / 2, top = (canvas.height - scale * HEIGHT) / 2;
  const pixel = ([x, y]) => [...canvas.getContext("2d").getImageData(
    Math.round(left + (x + 0.5) * scale), Math.round(top + (y + 0.5) * scale), 1, 1).data];
  return {seq: Number(canvas.dataset.seq.split("/")[1]), people: canvas.dataset.people,
          pixels: points[Number(canvas.dataset.seq.split("/")[1]) % points.length].map(pixel)};
}""".replace("WIDTH", str(WIDTH)).replace("HEIGHT", str(HEIGHT))
"""Looks at a tile's canvas: which frame it shows, and the colours at places of that frame."""


def wait_for(page: Page, expression: str, limit_s: float = 60.0) -> None:
    """Wait until an expression is true; asked from outside, since the page forbids `eval`."""
    end_s = time.monotonic() + limit_s
    while not page.evaluate(expression):
        assert time.monotonic() < end_s, expression
        page.wait_for_timeout(50)


def drawn(page: Page, site: Site, camera: str) -> dict[str, Any]:
    """Return what a tile shows: its seq, and the colours at the necks of its frame."""
    neck, simulated = KEYPOINTS.index("neck"), site.simulation.cameras[camera]
    points = [simulated.keypoints_at(seq)[:, neck].tolist() for seq in range(40)]
    shown: dict[str, Any] = page.evaluate(PIXELS, [camera, points])
    return shown


def is_track_colour(pixel: list[int], track: str) -> bool:
    blue, green, red = track_colour(track)
    return all(abs(a - b) < 40 for a, b in zip(pixel, (red, green, blue), strict=False))


def test_skeletons_move_with_the_very_pictures_they_belong_to(page: Page, site: Site) -> None:
    page.goto(site.url)
    wait_for(page, ALL_LIVE)
    seqs = set()
    for _ in range(3):
        for camera in CAMERAS:
            shown = drawn(page, site, camera)
            assert shown["people"] == "3"
            # Walkers may hide one another's necks: whoever is on top has the colour.
            hits = [is_track_colour(pixel, f"{camera}-{number}")
                    for number, pixel in enumerate(shown["pixels"], 1)]  # fmt: skip
            assert sum(hits) >= 2, (camera, shown)
            seqs.add(shown["seq"])
        wait_for(
            page,
            "Number(document.querySelector('[data-camera=door] canvas').dataset.seq"
            f".split('/')[1]) > {max(seqs)}",
        )
    assert len(seqs) >= 3


def test_figures_say_what_cameras_do(page: Page, site: Site) -> None:
    page.goto(site.url)
    tile = page.locator("[data-camera=hall]")
    wait_for(page, "document.querySelector('[data-camera=hall]')?.dataset.health === 'live'")
    wait_for(
        page,
        "/^[3-6]/.test(document.querySelector('[data-camera=hall] .figures dd').textContent)",
    )
    assert "3 people" in tile.inner_text()
    wait_for(
        page,
        f"document.querySelector('.chip[data-health=live] b').textContent === '{len(CAMERAS)}'",
    )
    page.get_by_label("Find a camera").fill("gar")
    assert page.locator(".tile:visible").count() == 1


def test_a_camera_with_problems_comes_first_unless_another_order_is_chosen(
    page: Page, site: Site
) -> None:
    registry = Registry(site.bus)
    revision = registry.add(CameraConfig(name="zoo", source="pattern:"))
    try:
        page.goto(site.url)
        page.wait_for_selector(".tile[data-camera=zoo]")
        first = "document.querySelector('.tile').dataset.camera"
        wait_for(page, f"{first} === 'zoo'")
        page.get_by_label("Order").select_option("name")
        assert page.evaluate(first) == CAMERAS[0]
    finally:
        registry.remove("zoo", revision)


def test_a_role_of_many_processes_is_one_row_until_it_is_unfolded(page: Page, site: Site) -> None:
    with ExitStack() as living:
        for number in range(7):
            living.enter_context(Heartbeats(site.bus, "mirror", f"mirror-{number}", dict))
        page.goto(f"{site.url}#/fleet")
        unfold = page.get_by_role("button", name="7 processes")
        unfold.wait_for()
        rows = page.locator("td:visible", has_text="mirror-")
        assert rows.count() == 0
        unfold.press("Enter")
        assert rows.count() == 7
        assert unfold.evaluate("one => one === document.activeElement")


def test_only_cameras_in_view_are_sent(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 500, "height": 320})
    watched: list[str] = []
    page.on("websocket", lambda s: s.on("framesent", lambda text: watched.append(str(text))))
    page.goto(site.url)

    def is_the_first_alone() -> bool:
        """Cameras that were late for a moment come before it."""
        page.wait_for_timeout(50)  # meanwhile the page is heard
        last = next((text for text in reversed(watched) if "watch" in text), "")
        return "door" in last and "yard" not in last

    wait_until(is_the_first_alone, "watching what is in view")
    page.locator("[data-camera=yard]").scroll_into_view_if_needed()
    page.wait_for_selector("[data-camera=yard] canvas[data-seq]")


def test_a_camera_is_added_and_removed_by_keys_alone(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.wait_for_selector(".tile")
    page.get_by_role("button", name="Add camera").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("roof")
    page.keyboard.press("Tab")
    page.keyboard.type("pattern:people=2")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog", state="detached")  # which would keep the focus
    page.wait_for_selector("[data-camera=roof]")
    assert Registry(site.bus).get("roof").settings.source == "pattern:people=2"
    page.locator("[data-camera=roof] a").focus()
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="roof").wait_for()
    page.get_by_role("button", name="Remove", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-camera=roof]", state="detached")
    page.wait_for_selector(".tile")
    assert "roof" not in Registry(site.bus).read().cameras


def test_a_camera_that_can_not_be_added_says_why(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.get_by_role("button", name="Add camera").click()
    page.get_by_label("Name").fill("hall")
    page.get_by_label("Source").fill("pattern:")
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_text("camera hall is in the registry already").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog", state="detached")


def test_zones_are_drawn_by_mouse_moved_by_keys_and_saved(page: Page, site: Site) -> None:
    page.goto(f"{site.url}#/cameras/yard")
    page.get_by_role("button", name="New zone").click()
    corner = page.locator(".zones .corner").first
    before = corner.bounding_box()
    assert before is not None
    x, y = before["x"] + before["width"] / 2, before["y"] + before["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y - 30, steps=4)
    page.mouse.up()
    page.locator(".zones .corner").nth(2).focus()
    page.keyboard.press("ArrowRight")
    page.get_by_label("Name").fill("gate")
    page.get_by_role("button", name="Save zones").click()
    page.get_by_text("Zones of yard are saved").wait_for()
    (zone,) = Registry(site.bus).get("yard").settings.zones
    assert zone.name == "gate"
    first, third = zone.polygon[0], zone.polygon[2]
    assert first[0] < 0.35 * WIDTH - 10
    assert first[1] < 0.45 * HEIGHT - 5
    assert third[0] == pytest.approx(0.71 * WIDTH, abs=1)


def test_a_cameras_page_shows_its_last_minutes(page: Page, site: Site) -> None:
    page.goto(f"{site.url}#/cameras/hall")
    page.locator("svg[aria-label^='People over time']").wait_for()
    assert page.locator(".timeline rect").count() >= 3
    page.get_by_label("Heat map").check()
    assert page.locator("canvas.heat").is_visible()


def test_a_camera_that_was_left_while_its_past_was_told_takes_nothing_from_the_next(
    page: Page, site: Site
) -> None:
    held: list[Route] = []
    page.route("**/cameras/hall/history*", lambda route: held.append(route))
    with page.expect_request("**/cameras/hall/history*"):
        page.goto(f"{site.url}#/cameras/hall")
    wait_for(page, f"{SEQ} >= 0")
    page.goto(f"{site.url}#/cameras/door")
    page.get_by_role("heading", name="door").wait_for()
    with page.expect_response("**/cameras/hall/history*"):
        held[0].continue_()
    seqs: set[str] = set()
    end_s = time.monotonic() + 60
    while len(seqs) < 6:  # more than were on their way
        assert time.monotonic() < end_s, seqs
        seqs.add(page.evaluate("document.querySelector('.viewer canvas')?.dataset.seq ?? ''"))
        page.wait_for_timeout(50)


def test_an_address_that_is_none_is_said(page: Page, site: Site) -> None:
    page.goto(f"{site.url}#/cameras/%")
    page.get_by_role("alert").wait_for()


def test_what_a_camera_says_is_text_and_never_markup(
    page: Page, site: Site, problem_of_all: Callable[[str], None]
) -> None:
    problem_of_all(UNKIND)
    until(lambda: read_camera_states(site.bus)["door"].problem, "the camera says so")
    page.goto(f"{site.url}#/cameras/door")
    page.get_by_text("onerror").first.wait_for()
    page.goto(f"{site.url}#/fleet")
    page.get_by_role("heading", name="Partitions").wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert page.title() == "ghostpose"


def test_the_wrong_token_is_refused_and_a_viewer_only_looks(page: Page, guarded: Site) -> None:
    page.goto(guarded.url)
    page.get_by_label("Token").fill("viewer.guessed")
    page.keyboard.press("Enter")
    page.get_by_text("this token is not right").wait_for()
    assert page.locator(".tile").count() == 0
    page.get_by_label("Token").fill(guarded.tokens[1])
    page.keyboard.press("Enter")
    wait_for(page, ALL_LIVE)
    assert page.get_by_role("button", name="Add camera").count() == 0
    assert page.get_by_role("link", name="Log", exact=True).count() == 0
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("Token").wait_for()


def test_the_keyboard_reaches_everything(page: Page, site: Site) -> None:
    page.goto(site.url)
    page.wait_for_selector(".tile")
    focused = "document.activeElement.textContent"
    wanted = {"Skip to content", "Fleet", "Add camera", *CAMERAS}
    for _ in range(40):
        page.keyboard.press("Tab")
        text = page.evaluate(focused)
        wanted = {word for word in wanted if word not in text}
        if not wanted:
            break
    assert wanted == set()


def faults(page: Page, **options: Any) -> list[tuple[str, str]]:
    """Return the serious and critical faults that axe-core finds on a page."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = axe.run(page, options={"resultTypes": ["violations"], **options}).response
    return [
        (one["id"], one["nodes"][0]["html"])
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def test_axe_finds_no_serious_fault(page: Page, site: Site, guarded: Site) -> None:
    shown = {
        site.url: ".tile canvas[data-seq]",
        f"{site.url}#/cameras/hall": ".timeline rect",
        f"{site.url}#/fleet": "tbody tr",
        f"{site.url}#/jobs": "h2",
        f"{site.url}#/log": "h2",
        guarded.url: ".login",
    }
    for url, ready in shown.items():
        page.goto(url)
        page.wait_for_selector(ready)
        assert faults(page) == [], url
    page.emulate_media(color_scheme="light")
    for url in list(shown)[:3]:
        page.goto(url)
        page.wait_for_selector(shown[url])
        assert faults(page, runOnly=["color-contrast"]) == [], f"{url} in light colours"
