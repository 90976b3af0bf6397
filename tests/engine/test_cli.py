from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_networks import random_network, small_config
from typer.testing import CliRunner, Result

from engine import blend_networks, inspection, load_network
from engine.cli import app
from engine.cli_values import parse_seeds, parse_swaps
from engine.embedded_models import register_embedded
from engine.export.embedded import read_recipe
from engine.history import HistoryEntry
from engine.latent_file import read_latent_record
from engine.latents import LatentStore
from engine.library import Library
from engine.places import HOME_VARIABLE, embedded_models_folder, resources_folder
from engine.session_file import SessionDocument, save_session
from engine.state import EditState, SeedLatent, StoredLatent, View

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "inspect", "convert", "render", "blend", "invert", "sheet", "batch", "looks", "sketch", "open", "train",
    "measure", "doctor",
)  # fmt: skip
PICTURES = sorted((resources_folder() / "portraits").glob("*.jpg"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv("GRAFT_DEBUG", raising=False)
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two tiny relatives as model files."""
    paths = (tmp_path / "ay.safetensors", tmp_path / "bee.safetensors")
    for seed, path in enumerate(paths):
        random_network(small_config((6, 6, 4)), seed).save(path)
    return paths


def graft(*arguments: object, window: object = None) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], obj=window)


def done(*arguments: object) -> str:
    result = graft(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: object) -> str:
    """An expected failure: status 1, one line on stderr that begins with our name, nothing else."""
    result = graft(*arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if line.startswith("graft: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


# --- help, usage, exit status ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_that_every_verb_explains_itself_with_an_example(verb: str) -> None:
    text = done(verb, "--help")
    assert f"python main.py {verb} " in text
    assert "Example" in text


def test_that_the_manual_names_every_verb_the_exit_status_and_the_environment() -> None:
    text = done("--help")
    assert all(re.search(rf"^  {verb} ", text, re.MULTILINE) for verb in VERBS)
    assert "130 interrupted" in text
    assert "GRAFT_HOME" in text
    assert "..." not in text.partition("Commands:")[2]  # no summary is cut off


@pytest.mark.parametrize(
    "arguments",
    [
        ("frobnicate",),
        ("render",),
        ("render", "--seed", "-1", "--out", "x.png"),
        ("render", "--seed", "x", "--out", "x.png"),
        ("render", "--noise", "loud", "--out", "x.png"),
        ("render", "--psi", "nan", "--out", "x.png"),
        ("render", "--alpha", "inf", "--out", "x.png"),
        ("render", "--noise-strength", "nan", "--out", "x.png"),
        ("render", "--width", "inf", "--out", "x.png"),
        ("blend", "a", "b", "--alpha", "nan", "-o", "x.safetensors"),
        ("inspect",),
        ("inspect", "a", "b"),
        ("invert", "p.jpg", "-o", "x.png", "--eyes", "1,2,3"),
        ("invert", "p.jpg", "-o", "x.png", "--eyes", "1,2,3,4"),
        ("invert", "p.jpg", "-o", "x.png", "--eyes", "1,2,3,nan", "--mouth", "1,2"),
        ("invert", "p.jpg", "-o", "x.png", "--steps", "-1"),
        ("sheet", "a", "b", "-o", "x.png", "--seeds", "5-1"),
        ("sheet", "a", "b", "-o", "x.png", "--seeds", "0-4000000000"),
    ],
)
def test_that_wrong_usage_has_status_2(arguments: Sequence[str]) -> None:
    result = graft(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_that_an_interruption_has_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspection, "inspect_file", interrupt)
    result = graft("inspect", "x")
    assert result.exit_code == 130
    assert result.stderr == "graft: interrupted.\n"


@pytest.mark.parametrize("debug", [False, True])
def test_that_a_bug_is_one_line_and_a_traceback_only_on_request(
    monkeypatch: pytest.MonkeyPatch, debug: bool
) -> None:
    def stumble(path: Path) -> None:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(inspection, "inspect_file", stumble)
    if debug:
        monkeypatch.setenv("GRAFT_DEBUG", "1")
    result = graft("inspect", "x")
    assert result.exit_code == 1
    assert ("Traceback" in result.stderr) == debug
    assert ("GRAFT_DEBUG=1" in result.stderr) != debug


def test_that_open_hands_files_and_status_to_and_from_the_window() -> None:
    seen: list[list[str]] = []

    def window(files: Sequence[str]) -> int:
        seen.append(list(files))
        return 3

    assert graft("open", "a.pkl", "b.jpg", window=window).exit_code == 3
    assert graft("gui", window=window).exit_code == 3
    assert seen == [["a.pkl", "b.jpg"], []]


# --- inspect and convert --------------------------------------------------------------------------------------------


def test_that_a_foreign_model_is_described_in_words_and_in_json(golden: Path) -> None:
    text = done("inspect", golden)
    assert "64 x 64 px" in text
    assert "stylegan2-ada-pytorch" in text
    facts = json.loads(done("inspect", golden, "--json"))
    assert (facts["kind"], facts["img_resolution"], facts["num_ws"]) == ("model", 64, 10)
    assert len(facts["sha256"]) == 64
    assert len(facts["layers"]) == 15


@pytest.fixture
def golden() -> Path:
    return ROOT / "tests" / "golden" / "sg2ada_64" / "net.pkl"


def test_that_recipes_and_sessions_are_described_too(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    done("render", "--model", pair[0], "--seed", 5, "--out", tmp_path / "five.png")
    assert "seed 5" in done("inspect", tmp_path / "five.png")
    assert json.loads(done("inspect", tmp_path / "five.png", "--json"))["state"]["latent"]["seed"] == 5
    document = SessionDocument((HistoryEntry(EditState(latent=SeedLatent(9))),), 0)
    save_session(tmp_path / "s.graft", document, LatentStore())
    assert "a session of 1 steps" in done("inspect", tmp_path / "s.graft")


def test_that_what_cannot_be_inspected_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "evil.pkl").write_bytes(b"\x80\x04cos\nsystem\nS'touch pwned'\n\x85R.")
    assert "not there" in refused("inspect", tmp_path / "gone.pkl")
    refused("inspect", tmp_path / "notes.txt")
    refused("inspect", tmp_path / "evil.pkl")
    refused("inspect", tmp_path)
    with open(tmp_path / "vast.safetensors", "wb") as file:
        file.truncate(40 << 30)  # sparse: it takes no room
    assert "vast.safetensors has 40 GiB" in refused("inspect", tmp_path / "vast.safetensors")


def test_that_a_description_cannot_move_the_cursor(tmp_path: Path) -> None:
    network = random_network(small_config((6, 6)), 0)
    network.origin = replace(network.origin, warnings=("\x1b[2J all is well\n",))
    network.save(tmp_path / "sly\x1b[2J.safetensors")
    text = done("inspect", tmp_path / "sly\x1b[2J.safetensors")
    assert "\x1b" not in text
    assert "note         ?[2J all is well?" in text


def test_that_a_converted_model_makes_the_same_pictures(tmp_path: Path, golden: Path) -> None:
    out = tmp_path / "converted.safetensors"
    assert "Wrote" in done("convert", golden, out)
    z = torch.randn(1, 64, generator=torch.Generator().manual_seed(0))
    before, after = load_network(golden), load_network(out)
    assert torch.equal(before.synthesis(before.mapping(z)), after.synthesis(after.mapping(z)))
    assert ".safetensors" in refused("convert", golden, tmp_path / "converted.pkl")


# --- render ---------------------------------------------------------------------------------------------------------


def test_that_a_rendered_picture_comes_back_pixel_for_pixel_from_itself(
    tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    options = ("--seed", 7, "--psi", 0.8, "--swap-resolution", 8, "--alpha", 0.6, "--noise", "random")
    done("render", "--model", pair[0], "--model-b", pair[1], *options, "--noise-seed", 3, "--out", first)
    done("render", first, "--out", again)
    assert first.read_bytes() == again.read_bytes()
    recipe = read_recipe(first)
    assert recipe.state.model_a is not None
    assert recipe.state.model_a.name == "ay"
    assert (recipe.state.blend.swap_resolution, recipe.state.blend.alpha) == (8, 0.6)
    assert (recipe.state.truncation_psi, recipe.state.noise.seed) == (0.8, 3)


@pytest.mark.parametrize("suffix", [".tif", ".webp"])
def test_that_the_other_formats_bring_the_picture_back_too(
    tmp_path: Path, pair: tuple[Path, Path], suffix: str
) -> None:
    first = tmp_path / f"first{suffix}"
    done("render", "--model", pair[0], "--seed", 7, "--out", first)
    done("render", first, "--out", tmp_path / "again.png")
    assert np.array_equal(pixels(first), pixels(tmp_path / "again.png"))


@pytest.mark.skipif(not (embedded_models_folder() / "toon.safetensors").exists(), reason="no embedded pair here")
def test_that_without_a_recipe_the_embedded_pair_is_blended(tmp_path: Path) -> None:
    seven, again = tmp_path / "seven.png", tmp_path / "again.png"
    done("render", "--seed", 7, "--psi", 0.7, "--out", seven)
    done("render", seven, "--out", again)
    assert seven.read_bytes() == again.read_bytes()
    state = read_recipe(seven).state
    assert [model.name for model in (state.model_a, state.model_b) if model] == ["portrait", "toon"]
    assert pixels(seven).std() > 10  # there is a picture in it


def test_that_options_change_what_a_recipe_says(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    first, a, eight = tmp_path / "first.png", tmp_path / "a.png", tmp_path / "eight.png"
    done("render", "--model", pair[0], "--model-b", pair[1], "--seed", 7, "--swap-resolution", 4, "--out", first)
    done("render", first, "--alpha", 0, "--out", a)
    done("render", first, "--view", "a", "--out", eight)
    assert np.array_equal(pixels(a), pixels(eight))
    assert not np.array_equal(pixels(first), pixels(a))
    assert read_recipe(eight).view is View.A
    done("render", first, "--seed", 8, "--out", eight)
    assert read_recipe(eight).state.latent == SeedLatent(8)


def test_that_a_smaller_picture_can_be_asked_for(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    done("render", "--model", pair[0], "--size", 8, "--out", tmp_path / "small.png")
    assert pixels(tmp_path / "small.png").shape == (8, 8, 3)


def test_that_a_recipe_with_a_missing_model_says_which(tmp_path: Path, pair: tuple[Path, Path], home: Path) -> None:
    first = tmp_path / "first.png"
    done("render", "--model", pair[0], "--seed", 7, "--out", first)
    sha256 = read_recipe(first).state.model_a.sha256  # type: ignore[union-attr]
    with_model = Library(home / "data" / "library.sqlite3")
    with_model.forget_model(sha256)
    with_model.close()
    message = refused("render", first, "--out", tmp_path / "again.png")
    assert "“ay”" in message
    assert sha256[:12] in message
    done("render", first, "--model", pair[0], "--out", tmp_path / "again.png")
    assert first.read_bytes() == (tmp_path / "again.png").read_bytes()


@pytest.mark.parametrize("place", [20, -20])
def test_that_a_damaged_conversion_is_made_again_and_never_rendered(
    tmp_path: Path, golden: Path, home: Path, place: int
) -> None:
    source = tmp_path / "net.pkl"
    source.write_bytes(golden.read_bytes())
    done("render", "--model", source, "--seed", 3, "-o", tmp_path / "one.png")
    (conversion,) = (home / "cache" / "models").glob("*.safetensors")
    whole = conversion.read_bytes()
    spoilt = bytearray(whole)
    spoilt[place] ^= 0x81  # in the header, or in a weight
    conversion.write_bytes(spoilt)
    done("render", tmp_path / "one.png", "-o", tmp_path / "two.png")
    assert (tmp_path / "two.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert conversion.read_bytes() == whole
    conversion.write_bytes(spoilt)
    source.unlink()
    message = refused("render", tmp_path / "one.png", "-o", tmp_path / "three.png")
    assert "converted copy of this model was damaged" in message
    assert not conversion.exists()


def test_that_impossible_renders_are_refused_and_write_nothing(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    assert "“.bmp”" in refused("render", "--model", pair[0], "--out", tmp_path / "x.bmp")
    assert "no model “nobody”" in refused("render", "--model", "nobody", "--out", tmp_path / "x.png")
    assert "no Graft recipe" in refused("render", PICTURES[0], "--out", tmp_path / "x.png")
    assert "not there" in refused("render", "--model", pair[0], "--out", tmp_path / "gone" / "x.png")
    assert "device" in refused("render", "--model", pair[0], "--device", "warp", "--out", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


# --- blend, sheet, invert -------------------------------------------------------------------------------------------


def test_that_blend_is_the_blend_of_the_engine(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    out = tmp_path / "mixed.safetensors"
    done("blend", *pair, "--swap-resolution", 8, "--level", 1, "--alpha", 0.5, "-o", out)
    low, high = map(load_network, pair)
    expected = blend_networks(low, high, 8, 1, 0.0, 0.5)
    found = load_network(out)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in expected.tensors.items())


def test_that_strangers_are_blended_with_a_warning(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    result = graft("blend", *pair, "-o", tmp_path / "mixed.safetensors")
    assert result.exit_code == 0
    assert "graft: These two models look unrelated" in result.stderr
    step = load_network(tmp_path / "mixed.safetensors").origin.lineage[-1]
    assert step["shares"]["conv"] == [0, 0, 0, 0, 1, 1]  # half of 16 px, as these are too small for 32


def test_that_models_that_do_not_fit_are_refused_with_the_reason(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    random_network(small_config((6, 6)), 3).save(tmp_path / "small.safetensors")
    message = refused("blend", pair[0], tmp_path / "small.safetensors", "-o", tmp_path / "x.safetensors")
    assert "A makes 16 px pictures, B 8 px" in message
    assert "has 4, 8, 16" in refused("blend", *pair, "--swap-resolution", 64, "-o", tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()


def test_that_a_pair_that_does_not_fit_is_refused_where_both_were_asked_for(
    tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    random_network(small_config((6, 4, 4)), 3).save(tmp_path / "odd.safetensors")
    for verb in (
        ("sheet", pair[0], tmp_path / "odd.safetensors"),
        ("render", "--model", pair[0], "--model-b", tmp_path / "odd.safetensors"),
    ):
        assert "b8.conv0" in refused(*verb, "-o", tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_that_the_smallest_network_can_be_blended_without_options(tmp_path: Path) -> None:
    random_network(small_config((6,)), 0).save(tmp_path / "dot.safetensors")
    done("blend", tmp_path / "dot.safetensors", tmp_path / "dot.safetensors", "-o", tmp_path / "out.safetensors")


def test_that_a_sheet_shows_a_the_swaps_and_b(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    out = tmp_path / "sheet.png"
    done("sheet", *pair, "--seeds", "3,5", "--cell", 32, "-o", out)
    done("render", "--model", pair[0], "--seed", 3, "--out", tmp_path / "a.png")
    both = ("--model", pair[0], "--model-b", pair[1])
    done("render", *both, "--seed", 5, "--view", "b", "--out", tmp_path / "b.png")
    drawn = pixels(out)
    size = 4 * 32 + 3 * 4  # A, swap 8, swap 4, B
    cells = drawn[-16 - 2 * 32 - 4 : -16, -16 - size : -16]

    def enlarged(path: Path) -> np.ndarray:
        return np.asarray(Image.fromarray(pixels(path)).resize((32, 32), Image.Resampling.LANCZOS))

    assert np.array_equal(cells[:32, :32], enlarged(tmp_path / "a.png"))
    assert np.array_equal(cells[36:, -32:], enlarged(tmp_path / "b.png"))


def test_that_lists_of_numbers_are_read_as_people_write_them() -> None:
    assert parse_seeds("1, 4,8 - 10") == [1, 4, 8, 9, 10]
    assert parse_swaps(None, (4, 8, 16)) == [8, 4]
    assert parse_swaps("16,4", (4, 8, 16)) == [16, 4]


FACE = ("--eyes", "100,120,160,120", "--mouth", "130,180", "--steps", 2)


@pytest.mark.skipif(not PICTURES, reason="no sample portraits here")
def test_that_an_inverted_portrait_comes_back_from_its_picture(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    found, again = tmp_path / "found.png", tmp_path / "again.png"
    text = done("invert", PICTURES[0], "--model", pair[0], *FACE, "-o", found)
    assert "after 2 steps" in text
    recipe = read_recipe(found)
    assert isinstance(recipe.state.latent, StoredLatent)
    assert recipe.state.truncation_psi == 1.0  # as it was found, not pulled towards the mean
    assert PICTURES[0].stem.encode() not in found.read_bytes()
    done("render", found, "-o", again)
    assert np.array_equal(pixels(found), pixels(again))


@pytest.mark.skipif(not PICTURES, reason="no sample portraits here")
def test_that_the_latent_or_the_recipe_alone_can_be_written(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    latent, recipe = tmp_path / "found.safetensors", tmp_path / "found.json"
    done("invert", PICTURES[0], "--model", pair[0], *FACE, "-o", latent)
    done("invert", PICTURES[0], "--model", pair[0], *FACE, "-o", recipe)
    done("render", "--model", pair[0], "--latent", latent, "-o", tmp_path / "one.png")
    done("render", recipe, "-o", tmp_path / "two.png")
    assert np.array_equal(pixels(tmp_path / "one.png"), pixels(tmp_path / "two.png"))


@pytest.mark.skipif(not PICTURES, reason="no sample portraits here")
def test_that_a_search_goes_on_from_a_latent_in_the_same_place(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    first, closer = tmp_path / "found.safetensors", tmp_path / "closer.safetensors"
    done("invert", PICTURES[0], "--model", pair[0], *FACE, "-o", first)
    begin = ("--model", pair[0], "--begin-at", first, "--steps", 2)
    text = done("invert", PICTURES[0], *begin, "-o", closer)  # where the face is, the latent knows
    assert "after 2 steps from where it was" in text
    before, after = (read_latent_record(path, LatentStore()) for path in (first, closer))
    assert before.source is not None
    assert before.source == after.source
    assert after.likeness is not None
    assert before.latent.key != after.latent.key
    for misused in (
        (PICTURES[0], "--start", "found"), (PICTURES[0], *begin, "--start", "mean"), (tmp_path, *begin)
    ):  # fmt: skip
        assert graft("invert", *misused, "-o", tmp_path / "out").exit_code == 2


def test_that_a_picture_without_a_face_asks_for_the_points(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.png")
    message = refused("invert", tmp_path / "wall.png", "--model", pair[0], "-o", tmp_path / "x.png")
    assert "No face was found in wall.png" in message
    assert "--eyes" in message


def test_that_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, pair: tuple[Path, Path]) -> None:
    Image.new("RGB", (200, 200), "grey").save(tmp_path / "wall.png")
    gone = tmp_path / "gone"
    for out in (gone / "x.png", gone / "x.json", gone / "x.safetensors"):
        assert f"could not save {out.name}" in refused("invert", tmp_path / "wall.png", "--model", pair[0], "-o", out)
    assert "could not save x.png" in refused("sheet", "nobody", "nobody", "-o", gone / "x.png")
    assert "could not save x.safetensors" in refused("blend", "nobody", "nobody", "-o", gone / "x.safetensors")
    assert "could not save x.safetensors" in refused("convert", tmp_path / "wall.png", gone / "x.safetensors")


# --- as a process ---------------------------------------------------------------------------------------------------


def process(*arguments: object, code: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *(["-c", code] if code else [str(ROOT / "main.py")]), *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=120)


def test_that_a_failing_process_has_the_right_status_and_one_line(tmp_path: Path) -> None:
    run = process("inspect", tmp_path / "gone.pkl")
    assert (run.returncode, run.stdout) == (1, "")
    assert re.fullmatch(r"graft: gone\.pkl is not there.*\n", run.stderr)
    assert process("render").returncode == 2


def test_that_a_bug_prints_no_traceback_through_the_log_either() -> None:
    code = (
        "import sys, engine.inspection as i; i.inspect_file = lambda path: 1 / 0;"
        "sys.argv = ['main.py', 'inspect', 'x']; import main; main.main()"
    )
    run = process(code=code)
    assert run.returncode == 1
    assert len(run.stderr.splitlines()) == 1, run.stderr


def test_that_the_manual_needs_neither_torch_nor_qt() -> None:
    code = (
        "import sys; sys.modules.update(torch=None, PySide6=None); sys.argv = ['main.py', 'render', '--help'];"
        "import main; main.main()"
    )
    run = process(code=code)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("Usage: python main.py render")


def test_that_the_embedded_models_are_those_in_the_folder(home: Path) -> None:
    library = Library(home / "library.sqlite3")
    names = [ref.name for ref in register_embedded(library)]
    library.close()
    assert "perceptual" not in names
