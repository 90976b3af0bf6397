"""Faces with their landmarks: with the network's file, without it, and with a bad one."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from test_faces import MARKED, errors, portrait

from engine.errors import ModelError
from engine.face_remarks import EYES_UNSURE
from engine.framing import FacePoints
from engine.helper_file import LICENCE, METADATA_KEY, HelperCard, load_helper, save_helper
from engine.inversion import portraits
from engine.inversion.faces import find_faces
from engine.inversion.landmarks import (
    CERTAIN_SPREAD,
    LANDMARKS_FILE,
    LandmarkFinder,
    LocatedFace,
    framed,
    load_finder,
    locate_faces,
    open_finder,
)
from engine.inversion.portraits import open_portrait
from engine.nets.landmarks import FRAME_EYES, FRAME_PX, LANDMARKS, LandmarkNet

ROOT = Path(__file__).parents[3]
CARD = HelperCard("landmarks", FRAME_PX, LANDMARKS, (), LICENCE)


@pytest.fixture(scope="module")
def finder() -> LandmarkFinder:
    found = open_finder()
    assert found is not None, "the network comes with Graft"
    return found


@pytest.mark.parametrize("name", MARKED)
def test_that_eyes_and_mouth_are_found_to_a_thirtieth_of_the_eye_distance(finder: LandmarkFinder, name: str) -> None:
    (face,) = finder.locate(portrait(name))
    eyes, mouth = errors(face.points, np.array(MARKED[name]))
    assert eyes < 0.033
    assert mouth < 0.04
    assert face.certain
    assert face.landmarks is not None
    assert face.landmarks.shape == (len(LANDMARKS), 2)


@pytest.mark.parametrize("degrees", [-38, -20, 12, 30])
def test_that_a_tilted_head_is_found_as_well(finder: LandmarkFinder, degrees: float) -> None:
    name = "composite_m_wasian"
    turn = cv2.getRotationMatrix2D((256, 256), degrees, 1.0)
    turned = cv2.warpAffine(portrait(name), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    (face,) = finder.locate(turned)
    eyes, mouth = errors(face.points, np.array(MARKED[name]) @ turn[:, :2].T + turn[:, 2])
    assert eyes < 0.05
    assert mouth < 0.07


def test_that_two_faces_are_both_found_the_larger_first(finder: LandmarkFinder) -> None:
    picture = np.full((600, 900, 3), 230, np.uint8)
    picture[50:562, 360:872] = portrait("composite_f_wasian")
    picture[20:320, 20:320] = cv2.resize(portrait("composite_m_white"), (300, 300), interpolation=cv2.INTER_AREA)
    large, small = finder.locate(picture)
    assert errors(large.points, np.array(MARKED["composite_f_wasian"]) + np.array([360, 50]))[0] < 0.05
    assert errors(small.points, np.array(MARKED["composite_m_white"]) * (300 / 512) + 20)[0] < 0.05


def test_that_a_covered_face_is_called_a_guess(finder: LandmarkFinder) -> None:
    name = "composite_f_wasian"
    clear, covered = portrait(name), portrait(name).copy()
    (left, right, mouth) = np.array(MARKED[name])
    cv2.rectangle(covered, (int(left[0]) - 45, int(left[1]) - 30), (int(right[0]) + 45, int(mouth[1]) + 40), 0, -1)
    eyes = np.array([left, right])
    assert finder.look(covered, eyes).spread > 2 * finder.look(clear, eyes).spread


@pytest.mark.parametrize("shape", [(1, 1), (480, 640), (6, 4000)])
def test_that_an_empty_picture_has_no_face(finder: LandmarkFinder, shape: tuple[int, int]) -> None:
    assert finder.locate(np.full((*shape, 3), 120, np.uint8)) == ()


def test_that_without_the_file_the_cascades_alone_are_asked(tmp_path: Path) -> None:
    picture = portrait("composite_m_white")
    assert [face.points for face in locate_faces(picture, tmp_path)] == list(find_faces(picture))
    (tmp_path / LANDMARKS_FILE).write_bytes(b"damaged")
    (face,) = locate_faces(picture, tmp_path)
    assert face.points == find_faces(picture)[0]
    assert face.landmarks is None


def test_that_torch_waits_for_the_file(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from engine.inversion.portraits import open_portrait\n"
        "from engine.inversion.landmarks import locate_faces\n"
        f"locate_faces(np.zeros((64, 64, 3), np.uint8), Path({str(tmp_path)!r}))\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("eyes", [[(200, 230), (300, 210)], [(40, 30), (64, 40)], [(10, 500), (120, 480)]])
@pytest.mark.parametrize("enlarge", [1, 3])
def test_that_the_frame_puts_the_eyes_where_the_network_wants_them(eyes: list[tuple[int, int]], enlarge: int) -> None:
    places = np.array(eyes, np.float64) * enlarge
    picture = np.zeros((512 * enlarge, 512 * enlarge, 3), np.uint8)
    radius = max(2, round(0.06 * float(np.hypot(*(places[1] - places[0])))))
    for channel, (x, y) in enumerate(places.astype(int)):
        layer = np.ascontiguousarray(picture[..., channel])
        cv2.circle(layer, (int(x), int(y)), radius, 255, -1)
        picture[..., channel] = layer
    frame, back = framed(picture, places, np.array(FRAME_EYES), (FRAME_PX, FRAME_PX))
    assert frame.shape == (FRAME_PX, FRAME_PX, 3)
    np.testing.assert_allclose(np.array(FRAME_EYES) @ back[:, :2].T + back[:, 2], places, atol=1e-9)
    for channel, wanted in enumerate(FRAME_EYES):
        rows, columns = np.nonzero(frame[..., channel] > 127)
        np.testing.assert_allclose((columns.mean(), rows.mean()), wanted, atol=0.6)


def test_that_a_guess_is_said_when_a_portrait_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (200, 200), (90, 120, 90)).save(path)
    face = LocatedFace(FacePoints((80, 80), (120, 80), (100, 120)))
    for certain, remark in ((True, ""), (False, EYES_UNSURE)):
        answer = (replace(face, certain=certain, remark=remark),)
        monkeypatch.setattr(portraits, "locate_faces", lambda _, face_finder, answer=answer: answer)
        opened = open_portrait(path)
        assert (opened.faces, opened.certain, opened.remarks) == ((face.points,), (certain,), (remark,))


def test_that_covered_eyes_are_called_a_guess(finder: LandmarkFinder) -> None:
    name = "composite_f_wasian"
    covered = portrait(name).copy()
    (left, right, _) = np.array(MARKED[name])
    middle, apart = (left + right) / 2, float(np.hypot(*(right - left)))
    axes = (round(1.3 * apart), round(0.5 * apart))
    cv2.ellipse(covered, tuple(middle.astype(int).tolist()), axes, 0, 0, 360, (205, 160, 135), -1)
    for finger in range(4):  # the gaps between them
        y = int(middle[1] + (finger - 1.5) * 0.25 * apart)
        cv2.line(covered, (int(left[0] - 0.8 * apart), y), (int(right[0] + 0.8 * apart), y), (150, 105, 85), 3)
    seen = finder.look(covered, np.stack([left, right]))
    assert seen.spread > CERTAIN_SPREAD


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_that_a_face_in_a_picture_on_its_side_or_its_head_is_found(finder: LandmarkFinder, quarters: int) -> None:
    picture = portrait("composite_m_wasian")
    (upright,) = finder.locate(picture)
    (face,) = finder.locate(np.ascontiguousarray(np.rot90(picture, quarters)))
    where = np.array(upright.points.left_eye)
    for _ in range(quarters):  # a quarter against the clock
        where = np.array([where[1], picture.shape[1] - 1 - where[0]])
    assert np.hypot(*(np.array(face.points.left_eye) - where)) < 4


def test_that_small_faces_of_a_group_are_found_too(finder: LandmarkFinder) -> None:
    picture = np.full((1200, 1600, 3), 190, np.uint8)
    names = list(MARKED)
    for place, name in enumerate(names):
        edge = 300 if place < 3 else 110
        small = cv2.resize(portrait(name), (edge, edge), interpolation=cv2.INTER_AREA)
        left, top = 100 + 480 * (place % 3), 60 + 600 * (place // 3)
        picture[top : top + edge, left : left + edge] = small
    faces = finder.locate(picture)
    assert len(faces) == len(names)
    assert all(face.certain for face in faces)


def test_that_leaves_are_no_face(finder: LandmarkFinder) -> None:
    noise = np.random.default_rng(2)
    leaves = sum(
        cv2.resize(noise.normal(size=(2**fine, 2**fine, 3)), (640, 480), interpolation=cv2.INTER_CUBIC) / fine
        for fine in range(1, 8)
    )
    leaves = ((leaves - leaves.min()) / np.ptp(leaves) * 255).astype(np.uint8)
    assert finder.locate(leaves) == ()


def test_that_only_a_landmark_network_is_read(tmp_path: Path) -> None:
    path = tmp_path / LANDMARKS_FILE
    tensors = LandmarkNet(widths=(2, 2, 2, 2, 2)).state_dict()
    save_helper(path, CARD, tensors)
    load_finder(path)
    card, stored = load_helper(path, "landmarks")
    assert card == CARD
    assert {tensor.dtype for tensor in stored.values()} == {torch.float32, torch.int64}
    for wrong in (replace(CARD, kind="sketch"), replace(CARD, points=(1, 2)), replace(CARD, input_px=64)):
        save_helper(path, wrong, tensors)
        with pytest.raises(ModelError):
            load_finder(path)
    for name, tensor in (("heat.weight", torch.zeros(3, 3, 1, 1)), ("heat.bias", torch.full((119,), torch.nan))):
        save_to(path, {**tensors, name: tensor})
        with pytest.raises(ModelError):
            load_finder(path)
    save_helper(path, CARD, {name: tensor for name, tensor in tensors.items() if name != "heat.bias"})
    with pytest.raises(ModelError):
        load_finder(path)
    with pytest.raises(ModelError, match="half precision"):
        save_helper(path, CARD, {**tensors, "heat.bias": torch.full((119,), 1e6)})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"format": 2, "kind": "landmarks"}', "newer Graft"),
        ('{"kind": "landmarks"}', "format number"),
        ('{"format": 1, "kind": "landmarks"}', "lacks the key"),
        ("[]", "not an object"),
        (None, "no helper network"),
    ],
)
def test_that_metadata_is_read_strictly(tmp_path: Path, text: str | None, problem: str) -> None:
    from safetensors.torch import save_file

    path = tmp_path / LANDMARKS_FILE
    save_file({"x": torch.zeros(1)}, path, {METADATA_KEY: text} if text else None)
    with pytest.raises(ModelError, match=problem) as caught:
        load_helper(path, "landmarks")
    assert len(caught.value.user_message) <= 300


def test_that_a_cut_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / LANDMARKS_FILE
    save_helper(path, CARD, LandmarkNet(widths=(2, 2, 2, 2, 2)).state_dict())
    whole = path.read_bytes()
    for length in (0, 4, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            load_finder(path)
    with pytest.raises(ModelError):
        load_finder(tmp_path / "missing.safetensors")


def save_to(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """As `save_helper`, without its check."""
    from safetensors.torch import save_file

    fresh = path.with_name("fresh.safetensors")
    save_helper(fresh, CARD, LandmarkNet(widths=(2, 2, 2, 2, 2)).state_dict())
    from engine.checkpoints.safetensors_file import read_header

    metadata = dict(read_header(memoryview(fresh.read_bytes())).metadata)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata)
