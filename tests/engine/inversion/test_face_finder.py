"""Another face finder than the cascades: asked first, believed only where the landmark network agrees."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hand_made_onnx import FACE_PX, red_is_a_face
from PIL import Image
from test_faces import MARKED, errors, portrait

from engine.face_remarks import FROM_THE_SIDE
from engine.inversion import yunet
from engine.inversion.face_finder import FoundFace, open_face_finder
from engine.inversion.landmarks import locate_faces
from engine.inversion.portraits import open_portrait

NAME = "face_detection_yunet_2023mar.onnx"


class Given:
    """Finds what it was told, in any picture."""

    def __init__(self, *faces: FoundFace) -> None:
        self.faces = faces

    def find(self, image: np.ndarray) -> tuple[FoundFace, ...]:
        return self.faces


def found(eyes: object, mouth: tuple[float, float], score: float = 0.9) -> FoundFace:
    (ax, ay), (bx, by) = np.asarray(eyes, np.float64).tolist()
    half = (bx - ax) / 3
    nose, corners = ((ax + bx) / 2, (ay + mouth[1]) / 2), [(mouth[0] - half, mouth[1]), (mouth[0] + half, mouth[1])]
    box = (ax - half, ay - half, 4 * half, 5 * half)
    return FoundFace(np.array([(ax, ay), (bx, by), nose, *corners]), box, score)


def test_that_five_points_are_a_guess_that_the_network_makes_exact() -> None:
    marked = np.array(MARKED["composite_f_wasian"])
    rough = found(marked[:2] + np.array([(6.0, -5.0), (4.0, 6.0)]), tuple(marked[2] + 9))
    (face,) = locate_faces(portrait("composite_f_wasian"), face_finder=Given(rough))
    eyes, mouth = errors(face.points, marked)
    assert eyes < 0.033
    assert mouth < 0.04
    assert face.certain


def test_that_a_face_which_only_the_finder_sees_is_a_guess_at_its_points() -> None:
    picture = np.full((512, 900, 3), 120, np.uint8)
    picture[:, :512] = portrait("composite_f_wasian")
    marked = MARKED["composite_f_wasian"]
    aside = found([(700.0, 200.0), (730.0, 204.0)], (712.0, 260.0))
    sure, guess = locate_faces(picture, face_finder=Given(found(marked[:2], marked[2]), aside))
    assert sure.certain
    assert not guess.certain
    assert guess.remark == FROM_THE_SIDE
    assert guess.points == aside.face_points


def test_that_the_cascades_are_asked_when_the_finder_finds_nothing() -> None:
    picture = portrait("composite_m_white")
    assert [face.points for face in locate_faces(picture, face_finder=Given())] == [
        face.points for face in locate_faces(picture)
    ]


def test_that_without_the_landmark_network_the_finders_points_are_taken(tmp_path: Path) -> None:
    small, large = found([(30, 30), (50, 30)], (40, 52)), found([(200, 200), (300, 200)], (250, 310))
    faces = locate_faces(np.zeros((400, 400, 3), np.uint8), tmp_path, Given(small, large))
    assert [face.points for face in faces] == [large.face_points, small.face_points]


# --- the user's file ----------------------------------------------------------------------------------------------


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / NAME).write_bytes(red_is_a_face())
    return tmp_path


def test_that_a_detector_among_the_users_weights_is_run_on_pictures_of_any_size(weights: Path) -> None:
    finder, complaint = open_face_finder(weights)
    assert finder is not None
    assert complaint == ""
    picture = np.full((1500, 2000, 3), 255, np.uint8)
    cv2.circle(picture, (1200, 700), 30, (255, 0, 0), -1)
    face, *_ = finder.find(picture)
    assert np.abs(face.eyes.mean(axis=0) - (1200, 700)).max() < 60
    scale = face.box[2] / FACE_PX
    assert scale in (pytest.approx(2000 / 320), pytest.approx(2000 / 1280))
    assert face.score > 0.9
    assert not finder.find(np.full((7, 5, 3), 255, np.uint8))


def test_that_it_is_tried_out_once(weights: Path) -> None:
    open_face_finder(weights)
    started = time.perf_counter()
    open_face_finder(weights)
    assert time.perf_counter() - started < 0.02


def test_that_of_several_the_newest_that_works_is_taken(weights: Path) -> None:
    for name, content in (
        ("2022mar", b"of an older kind"), ("2026may", b"cut off"), ("2023mar_int8", red_is_a_face()),
    ):  # fmt: skip
        (weights / f"face_detection_yunet_{name}.onnx").write_bytes(content)
    tried: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        known = yunet.open_yunet
        patch.setattr(yunet, "open_yunet", lambda path: tried.append(path.name) or known(path))
        finder, complaint = open_face_finder(weights)
    assert finder is not None
    assert complaint == ""
    assert tried == ["face_detection_yunet_2026may.onnx", NAME]


@pytest.mark.parametrize(
    "content",
    [b"", b"no network", red_is_a_face()[:2000], red_is_a_face().replace(b"kps_8", b"kpz_8")],
    ids=["empty", "text", "cut short", "other outputs"],
)
def test_that_a_file_that_is_no_detector_is_told_and_done_without(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    finder, complaint = open_face_finder(tmp_path)
    assert finder is None
    assert NAME in complaint
    assert len(complaint) <= 300


def test_that_a_file_that_is_too_large_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yunet, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    (tmp_path / NAME).write_bytes(bytes(1001))
    assert "MiB" in open_face_finder(tmp_path)[1]


def test_that_a_network_that_takes_its_process_with_it_is_told(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yunet, "_CHILD", "import os; os.abort()")
    yunet._opened.cache_clear()
    assert "cannot be used" in open_face_finder(weights)[1]
    yunet._opened.cache_clear()
    monkeypatch.setattr(yunet, "_CHILD", "import threading; threading.Event().wait()")
    monkeypatch.setattr(yunet, "MAX_TRIAL_S", 0.2)
    assert "cannot be used" in open_face_finder(weights)[1]
    yunet._opened.cache_clear()


def test_that_a_portrait_opens_with_a_note_when_the_users_detector_is_bad(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path))
    weights = tmp_path / "data" / "weights"
    weights.mkdir(parents=True)
    (weights / NAME).write_bytes(b"damaged")
    path = tmp_path / "photo.png"
    Image.fromarray(portrait("composite_m_white")).save(path)
    opened = open_portrait(path)
    assert len(opened.faces) == 1
    assert NAME in opened.notes[0]
