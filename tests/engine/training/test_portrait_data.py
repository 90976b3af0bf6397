from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from synthetic_faces import draw_face, face_points, write_set

from engine.errors import JobError
from engine.framing import FacePoints
from engine.training.dataset import open_dataset
from engine.training.portrait_data import faces as faces_module
from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data import make as make_module
from engine.training.portrait_data.canvas import Canvas
from engine.training.portrait_data.faces import Face, load_london
from engine.training.portrait_data.make import STYLES, PortraitOrder, make_portrait_data, paint_one
from engine.training.portrait_data.morph import Portrait, mix
from engine.training.portrait_data.recolour import recoloured
from engine.training.portrait_data.regions import find_regions
from engine.training.portrait_data.strokes import curve
from engine.training.portrait_data.toon import toon_points
from engine.training.portrait_data.warp import FoldError, displacement, warped

SIZE = 64
CANVAS = Canvas(SIZE)


@pytest.fixture(scope="module")
def london(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_set(tmp_path_factory.mktemp("set") / "london")


@pytest.fixture(scope="module")
def faces(london: Path) -> tuple[Face, ...]:
    return load_london(london, SIZE)


def order(london: Path, out: Path, count: int = 3, **more: object) -> PortraitOrder:
    given = {"styles": ("portrait", "toon"), **more}
    return PortraitOrder(london, out, count, SIZE, **given)  # type: ignore[arg-type]


def test_that_faces_are_cut_out_with_their_eyes_where_the_framing_wants_them(faces: tuple[Face, ...]) -> None:
    assert len(faces) == 9
    for face in faces:
        assert face.picture.shape == (SIZE, SIZE, 3)
        assert face.picture.dtype == np.float32
        left, right = face.points[0], face.points[1]
        np.testing.assert_allclose((left + right) / 2, (SIZE / 2, 0.46 * SIZE), atol=1e-3)
        assert right[0] - left[0] == pytest.approx(0.235 * SIZE, abs=1e-3)
        x, y = np.round(left).astype(int)
        assert face.picture[y, x].max() < 0.5  # a dark pupil


def test_that_a_smile_takes_its_landmarks_from_the_neutral_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_set(tmp_path / "set", smiling=1)
    monkeypatch.setattr(faces_module, "find_faces", lambda _photo: ())
    assert not any(face.smiling for face in load_london(folder, SIZE))
    with np.load(folder / "landmarks_neutral.npz") as stored:
        points = stored["points"][0]
    found = FacePoints(tuple(points[0]), tuple(points[1]), tuple(points[at.MOUTH_CORNERS].mean(axis=0)))
    monkeypatch.setattr(faces_module, "find_faces", lambda _photo: (found,))
    neutral, smiling = load_london(folder, SIZE)[:2]
    assert (neutral.smiling, smiling.smiling) == (False, True)
    np.testing.assert_allclose(smiling.points, neutral.points, atol=0.5)  # the same photo, here


@pytest.mark.parametrize("damage", ["no folder", "no landmarks", "garbage", "wrong shape", "missing photo", "few"])
def test_that_what_is_not_the_set_is_refused_in_words(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "set"
    if damage != "no folder":
        write_set(folder, count=3 if damage == "few" else 8)
    landmarks = folder / "landmarks_neutral.npz"
    if damage == "no landmarks":
        landmarks.unlink()
    elif damage == "garbage":
        landmarks.write_bytes(b"x" * 50)
    elif damage == "wrong shape":
        np.savez(landmarks, names=np.array(["000"]), points=np.zeros((1, 68, 2)))
    elif damage == "missing photo":
        (folder / "neutral" / "003.jpg").unlink()
    with pytest.raises(JobError) as caught:
        list(make_portrait_data(order(folder, tmp_path / "out")))
    assert "London Set" in caught.value.hint
    assert len(caught.value.user_message) > 20


def test_that_a_warp_moves_landmarks_to_their_targets(faces: tuple[Face, ...]) -> None:
    points = faces[0].points
    target = points + np.array([1.5, -0.75])
    shift = displacement(points, target, CANVAS)
    inside = np.round(target[at.NOSE]).astype(int)
    np.testing.assert_allclose(shift[inside[:, 1], inside[:, 0]], np.broadcast_to((-1.5, 0.75), (25, 2)), atol=0.1)
    assert float(np.abs(displacement(points, points, CANVAS)).max()) < 1e-6


def test_that_a_face_that_would_fold_over_is_refused(faces: tuple[Face, ...]) -> None:
    target = faces[0].points.copy()
    target[at.MOUTH] -= (0, 0.3 * SIZE)
    with pytest.raises(FoldError):
        warped(faces[0].picture, faces[0].points, target, CANVAS, refuse_folds=True)


def test_that_a_mix_lies_between_both_people(faces: tuple[Face, ...]) -> None:
    first, second = faces[0], faces[1]
    half = mix(first, second, 0.5, 0.6, CANVAS)
    np.testing.assert_allclose(half.points[at.FACE], (first.points + second.points)[at.FACE] / 2)
    unmixed = mix(first, second, 0.0, 0.0, CANVAS)
    assert float(np.abs(unmixed.picture - first.picture)[20:40, 20:44].mean()) < 0.02
    assert half.picture.min() >= 0
    assert half.picture.max() <= 1


def test_that_hair_skin_and_clothes_are_told_apart() -> None:
    canvas, rng = Canvas(256), np.random.default_rng(5)
    points = face_points(rng)
    portrait = Portrait((draw_face(points, rng) / 255).astype(np.float32), points)
    found = find_regions(portrait, canvas)
    for mask, place in ((found.hair, (45, 128)), (found.skin, (150, 128)), (found.clothes, (250, 60))):
        assert mask[place]
    assert not found.figure[10, 10]
    assert not (found.hair & found.skin).any()
    assert not (found.clothes & found.skin).any()


def test_that_recolouring_leaves_the_middle_of_the_face_and_repeats_by_its_numbers(faces: tuple[Face, ...]) -> None:
    portrait = Portrait(faces[2].picture, faces[2].points)
    made = [recoloured(portrait, np.random.default_rng(seed), CANVAS) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])
    face = (slice(30, 38), slice(28, 36))
    ratio = made[0][face] / np.maximum(portrait.picture[face], 0.05)
    assert ratio.std() < 0.1  # light and tint only


def test_that_cartoons_have_larger_eyes_and_narrower_chins() -> None:
    points = face_points(np.random.default_rng(1))
    new = toon_points(points, 1.6, Canvas(256))

    def extent(of: np.ndarray, part: list[int]) -> np.ndarray:
        return np.ptp(of[part], axis=0)

    assert (extent(new, at.LEFT_IRIS) > 1.5 * extent(points, at.LEFT_IRIS)).all()
    assert (extent(new, at.NOSE) < 0.8 * extent(points, at.NOSE)).all()
    assert extent(new, at.CHIN_SIDES)[0] < 0.9 * extent(points, at.CHIN_SIDES)[0]


@pytest.mark.parametrize("style", list(STYLES))
def test_that_every_style_follows_the_face_and_its_own_numbers(faces: tuple[Face, ...], style: str) -> None:
    portrait = Portrait(faces[3].picture, faces[3].points)
    made = [STYLES[style](portrait, np.random.default_rng(seed), CANVAS) for seed in (1, 1, 2)]
    for picture, points in made:
        assert picture.shape == (SIZE, SIZE, 3)
        assert picture.dtype == np.float32
        assert 0 <= picture.min() < 0.35  # something dark
        assert 0.6 < picture.max() <= 1  # something light
        x, y = np.round(points[:2].mean(axis=0)).astype(int)
        iris = [picture[tuple(np.round(points[pupil]).astype(int)[::-1])].mean() for pupil in (0, 1)]
        assert max(iris) < picture[y + 3, x].mean()  # pupils are darker than the root of the nose
    np.testing.assert_array_equal(made[0][0], made[1][0])
    assert np.array_equal(made[0][0], made[2][0]) == (style == "lines")  # contours leave nothing to chance


def test_that_lines_are_drawn_where_the_features_are_and_nowhere_else(london: Path) -> None:
    face = load_london(london, 256)[0]
    drawn, points = STYLES["lines"](Portrait(face.picture, face.points), np.random.default_rng(0), Canvas(256))
    np.testing.assert_array_equal(points, face.points)
    assert np.ptp(drawn, axis=2).max() == 0
    ink = drawn[..., 0] < 0.5
    assert 0.01 < ink.mean() < 0.1
    far = cv2.distanceTransform((~ink).astype(np.uint8), cv2.DIST_L2, 5)
    for line in (at.LEFT_LID_ABOVE, at.RIGHT_LID_BELOW, at.LIPS_OUTLINE[0], at.LEFT_BROW_OUTLINE[1], [127, 129, 131]):
        x, y = np.round(points[line]).astype(int).T
        assert far[y, x].max() < 2.5
    x, y = np.round(points[list(at.CHEEKS)]).astype(int).T
    assert not ink[y, x].any()  # skin is paper


def test_that_a_bald_head_has_no_hairline() -> None:
    rng = np.random.default_rng(5)
    points = face_points(rng)
    haired = draw_face(points, rng).astype(np.float32) / 255
    skin = np.median(haired[130:140, 120:136].reshape(-1, 3), axis=0)
    bald = haired.copy()
    bald[:100][np.abs(haired[:100] - haired[45, 128]).max(axis=2) < 0.1] = skin
    above = [139]
    x, y = np.round(points[above]).astype(int).T
    inked = []
    for picture in (haired, bald):
        drawn, _ = STYLES["lines"](Portrait(picture, points), rng, Canvas(256))
        inked.append(bool((drawn[y[0] - 8 : y[0] + 8, x[0] - 12 : x[0] + 12, 0] < 0.5).any()))
    assert inked == [True, False]


def test_that_pencil_is_grey_and_woodblock_keeps_to_its_palette(faces: tuple[Face, ...]) -> None:
    portrait = Portrait(faces[0].picture, faces[0].points)
    drawn, _ = STYLES["pencil"](portrait, np.random.default_rng(0), CANVAS)
    assert float(np.ptp(drawn, axis=2).max()) < 0.06
    printed, _ = STYLES["woodblock"](portrait, np.random.default_rng(0), CANVAS)
    assert float(np.ptp(printed, axis=2).mean()) > 0.1


def test_that_pale_specks_of_the_neck_are_not_clothes() -> None:
    canvas, rng = Canvas(256), np.random.default_rng(5)
    points = face_points(rng)
    picture = draw_face(points, rng)
    picture[224:232, 122:132] = 235
    portrait = Portrait((picture / 255).astype(np.float32), points)
    found = find_regions(portrait, canvas)
    assert not found.clothes[228, 127]
    assert found.clothes[250, 60]


def test_that_curves_pass_through_their_points() -> None:
    points = np.array([(0.0, 0.0), (4.0, 3.0), (9.0, 1.0), (9.1, 1.1)])
    line = curve(points, 200)
    nearest = np.linalg.norm(line[:, None] - points[None, :3], axis=2).min(axis=0)
    assert float(nearest.max()) < 0.1
    np.testing.assert_array_equal(curve(points[:1], 3), np.repeat(points[:1], 3, axis=0))


def test_that_a_picture_depends_on_its_number_alone(faces: tuple[Face, ...]) -> None:
    both = paint_one(faces, 4, 0, ("portrait", "toon"), CANVAS)
    alone = paint_one(faces, 4, 0, ("toon",), CANVAS)
    np.testing.assert_array_equal(both["toon"][0], alone["toon"][0])
    assert not np.array_equal(both["toon"][0], paint_one(faces, 5, 0, ("toon",), CANVAS)["toon"][0])


def test_that_what_was_made_is_kept_and_the_rest_is_made_the_same(
    london: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_module, "PART", 2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert list(make_portrait_data(order(london, whole, 3))) == [0, 1, 2, 3]
    unfinished = make_portrait_data(order(london, broken, 3))
    assert [next(unfinished) for _ in range(4)][-1] == 3
    unfinished.close()  # the second part was not written
    assert sorted(path.name for path in (broken / "toon").iterdir()) == ["0000000.npy"]
    assert list(make_portrait_data(order(london, broken, 3))) == [2, 3]
    for path in whole.rglob("*.npy"):
        assert path.read_bytes() == (broken / path.relative_to(whole)).read_bytes()
    monkeypatch.setattr(make_module, "load_london", None)
    assert list(make_portrait_data(order(london, whole, 2))) == [2]  # all there: no face is looked at


def test_that_pictures_landmarks_and_licence_are_written_as_the_trainer_reads_them(
    london: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    list(make_portrait_data(order(london, out, 2)))
    dataset = open_dataset(out / "toon", SIZE // 2, 2, tmp_path / "cache")
    assert dataset.pictures.shape == (2, 32, 32, 3)
    for style in ("portrait", "toon"):
        points = np.load(out / "landmarks" / style / "0000000.npy")
        assert (points.shape, points.dtype) == ((2, 189, 2), np.float32)
        assert points.min() > -SIZE / 4
        assert points.max() < SIZE * 1.25
    recipe = json.loads((out / "portrait-data.json").read_text())
    assert "CC BY 4.0" in recipe["licence"]


def test_that_a_folder_of_another_recipe_is_refused(london: Path, tmp_path: Path) -> None:
    list(make_portrait_data(order(london, tmp_path / "out", 1)))
    with pytest.raises(JobError, match="another size, seed or recipe"):
        list(make_portrait_data(order(london, tmp_path / "out", 1, seed=1)))
    with pytest.raises(JobError, match="no style 'oil'"):
        list(make_portrait_data(order(london, tmp_path / "out", 1, styles=("oil",))))
