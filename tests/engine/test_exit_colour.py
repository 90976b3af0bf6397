"""Early exits in the colours of the finished picture: the correction, its measuring, its keeping, what it gains."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_networks import random_network, random_tensors, small_config
from torch import Tensor

from engine.descriptor import NetworkDescriptor
from engine.embedded_models import register_embedded
from engine.exit_colours import (
    SHIPPED_FILE,
    ExitColour,
    ExitColours,
    ExitColourShelf,
    exit_colour,
    read_exit_colours,
)
from engine.imaging import to_bgrx
from engine.latents import seed_to_z
from engine.library import Library
from engine.models import read_network
from engine.network import Carry, Network
from engine.places import embedded_models_folder
from engine.preview.exit_colour import USEFUL_SAMPLES, Calibration, ExitCorrection, Missing, calibrate, corrected
from engine.resolve import ResolvedEdit, resolve
from engine.shares import Shares, pinkney_shares
from engine.state import EditState, ModelRef, SeedLatent, View

A, B = ModelRef("a" * 64, "a"), ModelRef("b" * 64, "b")
LIFT = ExitColour((2.0, 1.0, 0.5), (0.1, 0.0, -0.1))
DIM = ExitColour((0.5, 1.5, 1.0), (0.0, 0.2, 0.4))
SAME = ExitColour((1.0,) * 3, (0.0,) * 3)


def even(share: float, num_ws: int = 6) -> Shares:
    curve = (share,) * num_ws
    return Shares(curve, curve, curve, curve, curve)


def finished(steps: Calibration) -> ExitColours:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            colours: ExitColours = stop.value
            return colours


def edit_of(resolution: int = 16, model_b: ModelRef | None = None) -> ResolvedEdit:
    num_ws = 2 * (resolution.bit_length() - 2)
    network = NetworkDescriptor("stylegan2", resolution, 3, num_ws, 8, 10, 0)
    edit = resolve(EditState(model_a=A), network)
    return replace(edit, model_b=model_b)


def picture(edge: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, edge, edge, generator=torch.Generator().manual_seed(seed)) - 0.5


def box(image: Tensor, edge: int) -> Tensor:
    return F.avg_pool2d(image, image.shape[-1] // edge)


# --- what a correction is -------------------------------------------------------------------------------------------


def test_that_a_correction_is_its_steps_one_after_the_other() -> None:
    image = picture(4)
    whole = exit_colour(0, 3, 3, (), (ExitColours((LIFT, DIM)),))
    torch.testing.assert_close(corrected(image, whole), corrected(corrected(image, LIFT), DIM))
    assert exit_colour(1, 3, 3, (), (ExitColours((LIFT, DIM)),)) == SAME.then(DIM)


def test_that_the_finished_picture_is_left_alone() -> None:
    assert exit_colour(2, 3, 3, (), (ExitColours((LIFT, DIM)),)) == SAME
    image = picture(16)
    assert ExitCorrection(ExitColourShelf(None)).corrected(View.A, edit_of(), image) is image


def test_that_a_correction_does_not_clamp() -> None:
    bright = corrected(torch.full((1, 3, 4, 4), 3.0), LIFT)
    assert bright[0, :, 0, 0].tolist() == pytest.approx([6.1, 3.0, 1.4])


def test_that_each_block_of_a_blend_is_corrected_by_its_own_share() -> None:
    a, b = ExitColours((LIFT, LIFT)), ExitColours((DIM, DIM))
    assert exit_colour(0, 3, 3, (even(1.0),), (a, b)) == exit_colour(0, 3, 3, (), (b,))
    swapped = pinkney_shares(6, 8)  # 16 px is B's
    upper = replace(even(0.0), conv=swapped, torgb=swapped)
    assert exit_colour(0, 3, 3, (upper,), (a, b)) == SAME.then(LIFT).then(DIM)
    half = exit_colour(1, 3, 3, (even(0.5),), (a, b))
    assert half.gain == pytest.approx((1.25, 1.25, 0.75))
    assert half.offset == pytest.approx((0.05, 0.1, 0.15))


def test_that_shares_beyond_a_and_b_are_followed_a_little() -> None:
    a, b = ExitColours((LIFT, LIFT)), ExitColours((DIM, DIM))
    assert exit_colour(1, 3, 3, (even(1.5),), (a, b)).gain == pytest.approx((-0.25, 1.75, 1.25))
    assert exit_colour(1, 3, 3, (even(10.0),), (a, b)) == exit_colour(1, 3, 3, (even(2.0),), (a, b))
    assert exit_colour(1, 3, 3, (even(-10.0),), (a, b)) == exit_colour(1, 3, 3, (even(-1.0),), (a, b))


@pytest.mark.parametrize("unknown", [None, ExitColours((LIFT,)), ExitColours((ExitColour((1.0,), (0.5,)),) * 2)])
def test_that_nothing_is_corrected_by_what_does_not_fit(unknown: ExitColours | None) -> None:
    assert exit_colour(0, 3, 3, (), (unknown,)) == SAME


# --- measuring ------------------------------------------------------------------------------------------------------


def test_that_a_colour_which_an_upper_block_adds_is_found() -> None:
    config = small_config()
    tensors = random_tensors(config)
    before = finished(calibrate(Network.from_tensors(config, {k: v.clone() for k, v in tensors.items()}), 6))
    tensors["synthesis.b16.torgb.bias"] += torch.tensor([0.0, 0.25, -0.5])
    after = finished(calibrate(Network.from_tensors(config, tensors), 6))
    assert after.steps[0] == before.steps[0]
    assert after.steps[1].gain == pytest.approx(before.steps[1].gain, abs=1e-5)
    moved = np.subtract(after.steps[1].offset, before.steps[1].offset)
    assert moved == pytest.approx([0.0, 0.25, -0.5], abs=1e-5)


def test_that_calibrating_yields_after_every_block_and_then_what_it_knows() -> None:
    blocks, samples = 3, USEFUL_SAMPLES + 2
    found = list(calibrate(random_network(), samples))
    assert len(found) == blocks * samples - 1
    known = [so_far is not None for so_far in found]
    assert known == sorted(known)
    assert known.index(True) == blocks * USEFUL_SAMPLES


@pytest.mark.parametrize("channels", [1, 4])
def test_that_pictures_of_any_number_of_channels_are_measured(channels: int) -> None:
    found = finished(calibrate(random_network(small_config(img_channels=channels)), 4))
    assert found.fits(3, channels)
    assert not found.fits(3, 3)
    assert not found.fits(4, channels)


def test_that_networks_without_pictures_on_the_way_have_no_steps() -> None:
    assert finished(calibrate(random_network(small_config(architecture="resnet")))) == ExitColours(())


def test_that_labels_are_drawn_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    network = random_network(small_config(c_dim=3))
    mapping, labels = network.mapping, []

    def watched(z: Tensor, c: Tensor, psi: float) -> Tensor:
        labels.append(int(c.argmax()))
        return mapping(z, c, psi)

    monkeypatch.setattr(network, "mapping", watched)
    finished(calibrate(network, 9))
    assert sorted(labels) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


# --- holding on to the last finished picture ------------------------------------------------------------------------


def test_that_the_first_exit_of_a_drag_is_the_finished_picture_made_smaller() -> None:
    correction, edit = ExitCorrection(ExitColourShelf(None)), edit_of()
    exit_image, whole = picture(8), picture(16, seed=1)
    correction.settle(View.BLEND, edit, to_bgrx(whole), {8: exit_image})
    shown = correction.corrected(View.BLEND, edit, exit_image.clone())
    assert (shown - box(whole, 8)).abs().max() < 1 / 127.5
    assert torch.equal(correction.corrected(View.A, edit, exit_image), exit_image), "another view knows nothing of it"


def test_that_what_was_missing_is_believed_less_the_more_an_exit_has_changed() -> None:
    start = torch.zeros(1, 3, 16, 16)
    missing = Missing.of(start, to_bgrx(torch.full((1, 3, 32, 32), 0.5)), SAME)
    there = start.clone()
    there[..., 8:] = 1.0
    added = missing.added_to(there.clone(), there) - there
    assert added[..., :6].mean() == pytest.approx(0.5, abs=0.01)
    assert 0.0 < float(added[..., 10:].mean()) < 0.03


def test_that_a_finished_picture_of_other_models_is_not_held_on_to() -> None:
    correction, exit_image = ExitCorrection(ExitColourShelf(None)), picture(8)
    correction.settle(View.BLEND, edit_of(), to_bgrx(picture(16, seed=1)), {8: exit_image})
    assert torch.equal(correction.corrected(View.BLEND, edit_of(model_b=B), exit_image), exit_image)
    correction.forget()
    assert torch.equal(correction.corrected(View.BLEND, edit_of(), exit_image), exit_image)


# --- keeping --------------------------------------------------------------------------------------------------------


def test_that_a_calibration_is_found_again(tmp_path: Path) -> None:
    folder, colours = tmp_path / "deep" / "colours", ExitColours((LIFT, DIM))
    ExitColourShelf(folder).put(A.sha256, colours)
    again = ExitColourShelf(folder)
    assert again.get(A.sha256) == colours
    assert again.get(B.sha256) is None


def test_that_half_a_calibration_is_not_written(tmp_path: Path) -> None:
    shelf = ExitColourShelf(tmp_path)
    shelf.put(A.sha256, ExitColours((LIFT,)), final=False)
    assert shelf.get(A.sha256) == ExitColours((LIFT,))
    assert list(tmp_path.iterdir()) == []


def test_that_a_folder_which_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    shelf = ExitColourShelf(tmp_path / "file")
    shelf.put(A.sha256, ExitColours((LIFT,)))
    assert shelf.get(A.sha256) == ExitColours((LIFT,))


def damaged(gain: object = (1.0,), offset: object = (0.0,), **more: object) -> str:
    document = {"format": 1, "models": {A.sha256: {"steps": [{"gain": gain, "offset": offset}]}}, **more}
    return json.dumps(document)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        damaged()[:-3],
        damaged(format=2),
        damaged(models=[]),
        damaged(gain=[1.0, 1.0]),
        damaged(gain=[], offset=[]),
        damaged(gain=["1"]),
        damaged(gain=[True]),
        damaged(gain=[float("nan")]),
        damaged(offset=[1e9]),
        damaged().replace('"gain"', '"gain": [1.0], "gain"'),
        damaged(models={A.sha256: {"steps": [], "extra": 1}}),
        damaged() + " " * (2 << 20),
    ],
)
def test_that_a_damaged_file_is_passed_over(text: str, tmp_path: Path) -> None:
    (tmp_path / f"{A.sha256}.json").write_text(text)
    assert ExitColourShelf(tmp_path).get(A.sha256) is None
    (tmp_path / f"{A.sha256}.json").write_text(damaged())
    assert ExitColourShelf(tmp_path).get(A.sha256) == ExitColours((ExitColour((1.0,), (0.0,)),))


def test_that_a_calibration_goes_on_where_it_was_left() -> None:
    network, ran = random_network(), []

    def run_block(index: int, carry: Carry | None, ws: Tensor, noise: object) -> Carry:
        ran.append(index)
        return network.run_block(index, carry, ws)

    correction = ExitCorrection(shelf := ExitColourShelf(None))
    wanted = sum(1 for _ in calibrate(network)) + 1
    for _ in range(wanted):
        idle = correction.calibration(A, network, run_block)
        next(idle, None)
        idle.close()  # the hand is back
    assert len(ran) == wanted
    assert shelf.get(A.sha256) is not None
    assert list(correction.calibration(A, network, run_block)) == []


def test_that_a_calibration_that_failed_begins_anew() -> None:
    network, shelf = random_network(), ExitColourShelf(None)
    correction = ExitCorrection(shelf)

    def fails(index: int, carry: Carry | None, ws: Tensor, noise: object) -> Carry:
        if index == 2:
            raise MemoryError
        return network.run_block(index, carry, ws)

    with pytest.raises(MemoryError):
        list(correction.calibration(A, network, fails))
    assert shelf.get(A.sha256) is None
    list(correction.calibration(A, network))
    assert shelf.get(A.sha256) == finished(calibrate(network))


def test_that_half_a_calibration_is_forgotten_with_its_steps() -> None:
    network, shelf = random_network(), ExitColourShelf(None)
    correction = ExitCorrection(shelf)
    idle = correction.calibration(A, network)
    while shelf.get(A.sha256) is None:
        next(idle)
    correction.forget()
    assert shelf.get(A.sha256) is None


# --- the embedded models --------------------------------------------------------------------------------------------

SEEDS = 8
"""None of them was calibrated on."""

LARGEST_ERROR = 4.5
GAIN = 5.0
"""Measured on 200 seeds: errors of 0.8 to 3.0 of 255 where 6.3 to 35 were, a sixteenth to an eighth."""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Network, ExitColours]]:
    library = Library(tmp_path_factory.mktemp("library") / "library.sqlite3")
    refs = register_embedded(library)
    shelf = ExitColourShelf(None)
    found = {}
    for ref in refs:
        path, colours = library.locate(ref.sha256), shelf.get(ref.sha256)
        assert path is not None
        assert colours is not None, f"{ref.name} has no calibration: tests/benchmarks/exit_colour.py --ship"
        found[ref.name] = read_network(path, "cpu"), colours
    library.close()
    assert set(read_exit_colours(embedded_models_folder() / SHIPPED_FILE)) == {ref.sha256 for ref in refs}
    return found


def test_that_the_shipped_calibrations_are_those_of_the_models(
    embedded: dict[str, tuple[Network, ExitColours]],
) -> None:
    for name, (network, shipped) in embedded.items():
        num_ws = network.descriptor.num_ws
        measured = finished(calibrate(network, 12))
        for index in (4, 5):  # 64 and 128 px
            wanted, found = (exit_colour(index, 3, num_ws // 2, (), (one,)) for one in (shipped, measured))
            for shade in (-0.6, 0.0, 0.6):
                one, other = (corrected(torch.full((1, 3, 1, 1), shade), colour) for colour in (wanted, found))
                assert (one - other).abs().max() < 0.06, (name, 4 << index, shade)


@pytest.mark.parametrize("index", [4, 5])
def test_that_exits_of_the_embedded_models_have_the_colours_of_the_finished_picture(
    index: int, embedded: dict[str, tuple[Network, ExitColours]]
) -> None:
    for name, (network, colours) in embedded.items():
        colour = exit_colour(index, 3, network.descriptor.num_ws // 2, (), (colours,))
        before, after = [], []
        for seed in range(SEEDS):
            z = torch.from_numpy(seed_to_z(SeedLatent(seed), network.descriptor.z_dim))
            ws = network.mapping(z, truncation_psi=0.7)
            left, whole = network.synthesis(ws, max_resolution=4 << index), network.synthesis(ws)
            before.append(colour_error(left, whole))
            after.append(colour_error(corrected(left, colour), whole))
        assert np.mean(after) < LARGEST_ERROR, name
        assert np.mean(after) < np.mean(before) / GAIN, name


def colour_error(shown: Tensor, whole: Tensor) -> float:
    """Distance of the mean colours, of 255, as the screen shows them."""
    means = [(image.clamp(-1, 1) * 127.5).mean(dim=(0, 2, 3)) for image in (shown, whole)]
    return float((means[0] - means[1]).abs().mean())
