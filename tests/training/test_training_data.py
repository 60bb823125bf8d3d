from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from ghostpose.errors import DataError
from ghostpose.skeleton import COCO_TO_OURS, KEYPOINTS
from training.data.augment import AugmentConfig, drop_outside, make_crop, warp_keypoints
from training.data.batches import CropBatches, TargetConfig, stream
from training.data.coco import read_coco
from training.data.folders import read_folder
from training.data.pictures import Picture, read_picture
from training.data.sources import DataConfig, SourceConfig, open_sources, read_held_out

PLAIN = AugmentConfig(
    scale=(120 / 368, 120 / 368), rotation_deg=0, mirror=0, jitter=0, colour=0, blur=0, jpeg=0
)


def config(folder: Path, **changes: object) -> DataConfig:
    source = SourceConfig(images=folder / "images", annotations=folder / "annotations.json")
    return DataConfig(sources={"tiny": source}, crop_px=64, workers=0).model_copy(update=changes)


def batches(folder: Path, *, size: int = 2, **changes: object) -> CropBatches:
    return CropBatches(
        open_sources(config(folder, **changes)),
        size=size,
        crop_px=64,
        seed=1,
        targets=TargetConfig(),
    )


def test_a_coco_set_gives_our_key_points_with_necks(coco_folder: Path) -> None:
    first, second, empty = read_coco(
        coco_folder / "images", coco_folder / "annotations.json"
    ).pictures
    assert [len(p.keypoints_pk3) for p in (first, second, empty)] == [1, 1, 0]
    assert first.keypoints_pk3[0, 0].tolist() == [60, 30, 1]
    assert first.keypoints_pk3[0, COCO_TO_OURS[16]].tolist() == [64, 90, 1]
    shoulders = first.keypoints_pk3[0, [2, 5], :2]
    assert first.keypoints_pk3[0, 1, :2].tolist() == shoulders.mean(axis=0).tolist()


def test_crowds_and_people_without_key_points_are_ignored_boxes(coco_folder: Path) -> None:
    first, second, _ = read_coco(coco_folder / "images", coco_folder / "annotations.json").pictures
    assert first.ignored_n4.tolist() == [[10, 20, 30, 40]]
    assert second.ignored_n4.tolist() == [[100, 10, 40, 50]]


def test_a_missing_picture_is_skipped_counted_and_named(
    coco_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (coco_folder / "images" / "b.png").unlink()
    coco = read_coco(coco_folder / "images", coco_folder / "annotations.json")
    assert [path.name for path in coco.missing] == ["b.png"]
    assert len(coco.pictures) == 2
    assert "1 pictures are missing" in caplog.text
    assert "b.png" in caplog.text


def test_pictures_held_out_are_never_read(coco_folder: Path) -> None:
    (coco_folder / "held-out.txt").write_text("# a comment\na.png\n")
    (source,) = open_sources(config(coco_folder, held_out=coco_folder / "held-out.txt"))
    assert [picture.path.name for picture in source.pictures] == ["b.png", "c.png"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "are not JSON"),
        ("[]", "are not COCO's"),
        ('{"images": [], "annotations": [{"id": 1, "bbox": [0, 0, 1, 1]}]}', "have no key points"),
    ],
)
def test_annotations_that_cannot_teach_are_one_sentence(
    tmp_path: Path, content: str, sentence: str
) -> None:
    (tmp_path / "annotations.json").write_text(content)
    with pytest.raises(DataError, match=sentence):
        read_coco(tmp_path, tmp_path / "annotations.json")


def test_a_set_whose_pictures_are_all_missing_names_the_setting_to_change(
    coco_folder: Path,
) -> None:
    for path in (coco_folder / "images").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"'tiny'.*data\.sources\.tiny\.share=0"):
        open_sources(config(coco_folder))


def test_a_source_without_a_share_is_left_out_even_if_it_is_not_there(coco_folder: Path) -> None:
    absent = SourceConfig(images=coco_folder / "nowhere", share=0)
    tiny = config(coco_folder).sources["tiny"]
    sources = open_sources(DataConfig(sources={"tiny": tiny, "absent": absent}))
    assert [source.name for source in sources] == ["tiny"]


def test_an_empty_folder_and_an_empty_list_are_one_sentence_each(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no picture"):
        read_folder(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        read_folder(tmp_path / "nowhere")
    (tmp_path / "list.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="names no picture"):
        read_held_out(tmp_path / "list.txt")


def test_a_folder_leaves_out_held_out_pictures_under_any_suffix(coco_folder: Path) -> None:
    pictures = read_folder(coco_folder, without={"images/a"})
    assert [picture.path.stem for picture in pictures] == ["b", "c"]


def test_mirroring_swaps_left_and_right() -> None:
    person_1k3 = np.zeros((1, 18, 3), np.float32)
    person_1k3[0, KEYPOINTS.index("left_wrist")] = (10, 5, 1)
    mirror_23 = np.array([[-1.0, 0, 99], [0, 1, 0]])
    moved_1k3 = warp_keypoints(person_1k3, mirror_23, mirrored=True)
    assert moved_1k3[0, KEYPOINTS.index("right_wrist")].tolist() == [89, 5, 1]


def test_key_points_outside_of_a_crop_are_not_labelled_in_it() -> None:
    person_1k3 = np.ones((1, 18, 3), np.float32)
    person_1k3[0, 3, :2] = (64, 1)
    person_1k3[0, 4, :2] = (1, -0.6)
    kept_k = drop_outside(person_1k3, 64, 64)[0, :, 2]
    assert [k for k in range(18) if not kept_k[k]] == [3, 4]


@pytest.mark.parametrize("seed", range(12))
def test_key_points_move_with_the_picture_under_every_augmentation(
    tmp_path: Path, seed: int
) -> None:
    """A bright dot painted on each key point is found in the crop where the key point went."""
    person_1k3 = np.zeros((1, 18, 3), np.float32)
    person_1k3[0, KEYPOINTS.index("nose")] = (70, 40, 1)
    person_1k3[0, KEYPOINTS.index("left_hip")] = (90, 80, 1)
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.circle(image, (70, 40), 2, (255, 0, 0), -1)
    cv2.circle(image, (90, 80), 2, (0, 0, 255), -1)
    picture = Picture(tmp_path, True, person_1k3)
    augment = AugmentConfig(scale=(0.4, 0.8), colour=0, blur=0, jpeg=0, jitter=0.1, mirror=0.5)
    crop = make_crop(image, picture, 256, augment, np.random.default_rng(seed))
    labelled = np.argwhere(crop.keypoints_pk3[0, :, 2] > 0)[:, 0]
    assert len(labelled)
    for k in labelled:
        channel = 0 if k == 0 else 2
        # the padding is grey, so what has more of one colour is a dot
        bright_hw = np.subtract(*crop.image_hw3[..., [channel, 1]].transpose(2, 0, 1), dtype=float)
        y, x = (np.average(axis, weights=bright_hw) for axis in np.indices(bright_hw.shape))
        assert crop.keypoints_pk3[0, k, :2] == pytest.approx([x, y], abs=1)
    assert {int(k) for k in labelled} <= {
        0,
        *(KEYPOINTS.index(f"{s}_hip") for s in ("left", "right")),
    }


def test_a_batch_is_a_function_of_its_number(coco_folder: Path) -> None:
    first, again = (batches(coco_folder)[3] for _ in range(2))
    assert first.images.equal(again.images)
    assert first.pcm.equal(again.pcm)
    assert not first.images.equal(batches(coco_folder)[4].images)


def test_batches_made_by_another_process_are_the_same(coco_folder: Path) -> None:
    ours = list(stream(batches(coco_folder), first=0, last=2))
    theirs = list(stream(batches(coco_folder), first=0, last=2, workers=1))
    assert [batch.paf.sum().item() for batch in ours] == [b.paf.sum().item() for b in theirs]


def test_several_processes_share_the_batches_without_overlap(coco_folder: Path) -> None:
    whole = [batch.images.sum().item() for batch in stream(batches(coco_folder), first=0, last=4)]
    for rank in range(2):
        part = stream(batches(coco_folder), first=rank, last=4, stride=2)
        assert [batch.images.sum().item() for batch in part] == whole[rank::2]


def test_ignored_people_have_no_weight_and_the_rest_has(coco_folder: Path) -> None:
    weights = [
        batch.weight for batch in stream(batches(coco_folder, augment=PLAIN), first=0, last=8)
    ]
    values = {float(value) for weight in weights for value in weight.unique()}
    assert values == {0.0, 1.0}


def test_a_damaged_picture_is_skipped_and_named(coco_folder: Path) -> None:
    (coco_folder / "images" / "b.png").write_bytes(b"no picture")
    named = {
        path for batch in stream(batches(coco_folder), first=0, last=6) for path in batch.damaged
    }
    assert {Path(path).name for path in named} == {"b.png"}


def test_a_set_of_damaged_pictures_only_stops_with_a_sentence(coco_folder: Path) -> None:
    for path in (coco_folder / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="in a row can't be read"):
        batches(coco_folder)[0]


def test_unlabelled_pictures_without_a_teacher_are_refused(coco_folder: Path) -> None:
    with pytest.raises(DataError, match="nothing to learn"):
        CropBatches(
            open_sources(
                DataConfig(sources={"plain": SourceConfig(images=coco_folder / "images")})
            ),
            size=1,
            crop_px=64,
            seed=0,
            targets=TargetConfig(),
        )


def test_a_wrong_number_of_key_points_is_named(coco_folder: Path) -> None:
    path = coco_folder / "annotations.json"
    content = json.loads(path.read_text())
    content["annotations"][0]["keypoints"] = [1, 2, 2] * 16
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="annotation 1 has 48 key point values, wanted 51"):
        read_coco(coco_folder / "images", path)


def test_reading_no_picture_says_which(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("text")
    with pytest.raises(DataError, match=r"x\.jpg is damaged or no picture"):
        read_picture(tmp_path / "x.jpg")
