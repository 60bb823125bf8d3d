from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from hypothesis import given
from hypothesis import strategies as st

from ghostpose.config import CameraConfig
from ghostpose.errors import SourceError
from ghostpose.types import Placement
from ingest.prepare import fit_height, plan_for, prepare, resize
from ingest.sources import Undecodable, open_source
from ingest.sources.image_folder import StillPicture
from ingest.sources.scaling import Scaler

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ghostpose.types import ByteArray

W, H = 320, 240


def camera_with(**options: object) -> CameraConfig:
    return CameraConfig.model_validate({"name": "cam", "source": "x", "height": 120, **options})


def spot(x: float, y: float) -> ByteArray:
    """Draw a soft spot whose centre of mass is exactly (x, y)."""
    ys, xs = np.mgrid[0:H, 0:W]
    gauss = np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 6.0**2))
    return np.repeat((gauss * 250).astype(np.uint8)[..., None], 3, axis=2)


def centre_of_mass(image_hw3: ByteArray, floor: int = 0) -> tuple[float, float]:
    weight = np.maximum(image_hw3[..., 1].astype(np.float64) - floor, 0)
    ys, xs = np.mgrid[0 : weight.shape[0], 0 : weight.shape[1]]
    return float((xs * weight).sum() / weight.sum()), float((ys * weight).sum() / weight.sum())


def found_in_source(image_hw3: ByteArray, placement: Placement, floor: int = 0) -> np.ndarray:
    return placement.to_source(np.array(centre_of_mass(image_hw3, floor), np.float32))


@pytest.mark.parametrize("height", [64, 97, 120, 240, 368], ids=lambda h: f"height {h}")
@pytest.mark.parametrize("region", [None, (60, 30, 200, 180)], ids=["whole", "region"])
@pytest.mark.parametrize("mirror", [False, True], ids=["as is", "mirrored"])
def test_a_drawn_point_maps_back_to_where_it_was_drawn(
    height: int, region: tuple[int, int, int, int] | None, mirror: bool
) -> None:
    camera = camera_with(height=height, region=region, mirror=mirror)
    x, y = 170.0, 111.0
    plan = plan_for(camera, W, H)
    image = prepare(StillPicture(0.0, spot(x, y)), plan)
    assert image.shape == (plan.height, plan.width, 3)
    assert image.flags.c_contiguous
    shown_x = W - 1 - x if mirror else x
    assert found_in_source(image, plan.placement) == pytest.approx((shown_x, y), abs=0.1)


@pytest.mark.parametrize("height", [64, 120, 240, 368], ids=lambda h: f"height {h}")
@pytest.mark.parametrize("region", [None, (60, 30, 200, 180)], ids=["whole", "region"])
@pytest.mark.parametrize("mirror", [False, True], ids=["as is", "mirrored"])
def test_a_point_in_a_video_maps_back_too(
    height: int,
    region: tuple[int, int, int, int] | None,
    mirror: bool,
    make_video: Callable[..., Path],
) -> None:
    x, y = 170.0, 111.0
    path = make_video(frames=1, size=(W, H), draw=lambda _: spot(x, y), options={"crf": "5"})
    camera = camera_with(source=str(path), height=height, region=region, mirror=mirror)
    source = open_source(camera)
    picture = next(source.pictures())
    assert not isinstance(picture, Undecodable)
    plan = plan_for(camera, W, H)
    image = prepare(picture, plan)
    source.close()
    shown_x = W - 1 - x if mirror else x
    assert found_in_source(image, plan.placement, floor=8) == pytest.approx((shown_x, y), abs=0.3)


def test_a_mirrored_region_is_cut_from_the_mirrored_picture() -> None:
    image = np.random.default_rng(0).integers(0, 255, (H, W, 3), np.uint8)
    region = (10, 20, 100, 120)
    plan = plan_for(camera_with(region=region, mirror=True), W, H)
    expected = image[:, ::-1][20:140, 10:110]
    assert (prepare(StillPicture(0.0, image), plan) == expected).all()


def test_a_picture_of_the_right_size_passes_untouched() -> None:
    image = np.random.default_rng(0).integers(0, 255, (H, W, 3), np.uint8)
    plan = plan_for(camera_with(height=H), W, H)
    assert (prepare(StillPicture(0.0, image), plan) == image).all()
    assert plan.placement == Placement(1.0, 1.0)


def test_shrinking_keeps_thin_lines() -> None:
    image = np.zeros((H, W, 3), np.uint8)
    image[:, ::8] = 255
    shrunk = resize(image, W // 8, H // 8)
    assert abs(float(shrunk.mean()) - 255 / 8) < 1


def test_the_videos_own_scaler_gives_what_opencvs_area_gives(
    clip: Path, camera: Callable[..., CameraConfig]
) -> None:
    source = open_source(camera(clip))
    picture = next(source.pictures())
    assert not isinstance(picture, Undecodable)
    whole = picture.pixels(768, 576)
    reference = cv2.resize(whole, (491, 368), interpolation=cv2.INTER_AREA)
    ours = picture.pixels(491, 368)
    source.close()
    brightness = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in (ours, reference)]
    assert cv2.PSNR(*brightness) > 42
    assert cv2.PSNR(ours, reference) > 38


@pytest.mark.parametrize("colorspace", ["ITU601", "ITU709"])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p", "nv12", "gray", "rgb24"])
def test_colours_are_those_of_the_frame_whatever_it_was_decoded_to(
    pixels: str, colorspace: str
) -> None:
    wanted_bgr = (40, 90, 200)
    image = np.full((96, 128, 3), wanted_bgr, np.uint8)
    frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(
        format=pixels, dst_colorspace=getattr(Colorspace, colorspace)
    )
    assert frame.format.name == pixels
    small = Scaler().bgr(frame, 61, 46)
    direct = frame.reformat(61, 46, "bgr24", interpolation="AREA").to_ndarray()
    assert small.shape == (46, 61, 3)
    assert np.abs(small.astype(int) - direct).max() <= 2
    if pixels != "gray":
        assert np.abs(small.astype(int) - wanted_bgr).max() <= 8


@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(64, 1024))
def test_fitting_to_a_height_keeps_the_shape(width: int, height: int, wanted: int) -> None:
    fitted_w, fitted_h = fit_height(width, height, wanted)
    assert fitted_h == wanted
    assert abs(fitted_w - width * wanted / height) <= 1


def test_a_region_outside_the_picture_is_one_sentence() -> None:
    with pytest.raises(SourceError, match=r"camera cam: region 300,0 100x100 .* 320x240 picture"):
        plan_for(camera_with(region=(300, 0, 100, 100)), W, H)


def test_a_region_too_flat_for_the_height_is_refused() -> None:
    with pytest.raises(SourceError, match=r"camera cam: .* 19200 wide"):
        plan_for(camera_with(region=(0, 0, 320, 2)), W, H)


def test_a_picture_whose_maps_could_never_be_sent_is_refused() -> None:
    """At height 1024 and stride 8, 128 rows of 1024 cells are the most that the codec takes."""
    assert plan_for(camera_with(height=1024), 8192, 1024).width == 8192
    with pytest.raises(SourceError, match=r"camera cam: .* 131200 map cells, and at most 131072"):
        plan_for(camera_with(height=1024), 8193, 1024)
