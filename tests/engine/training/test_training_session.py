from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
from training_fixtures import picture_folder, tiny_network

from engine.errors import EngineError, JobError, ModelError
from engine.network import Network, load_network
from engine.training.config import TrainingConfig
from engine.training.events import Event, Finished, Notice
from engine.training.loop import train
from engine.training.run_lock import only_trainer_in
from engine.training.session import TrainingOrder, open_run
from engine.training.start import NewNetwork, start_from, start_from_nothing

SIZES = NewNetwork(16, 128, 8, w_dim=8, mapping_layers=2)
KNOWN_PARTS = "known are all, synthesis, mapping"
SHORT = {"total_images": 8, "batch": 4, "metric_images": 0, "sheet_images": 0}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def order(tmp_path: Path, **changes: Any) -> TrainingOrder:
    given: dict[str, Any] = {
        "data": picture_folder(tmp_path / "set"),
        "out": tmp_path / "run",
        "sizes": SIZES,
        "settings": SHORT,
        "device": "cpu",
    }
    return TrainingOrder(**{**given, **changes})


def run_all(wanted: TrainingOrder) -> tuple[TrainingConfig, list[Event]]:
    with open_run(wanted, lambda: False) as run:
        return run.trainer.config, list(train(run))


def said(wanted: TrainingOrder) -> str:
    """What the user is told when the run cannot start."""
    with pytest.raises(EngineError) as caught, open_run(wanted, lambda: False):
        pass
    return caught.value.user_message


def test_that_a_run_resumes_with_its_own_settings_and_those_given_anew(tmp_path: Path) -> None:
    first, _ = run_all(order(tmp_path, settings={**SHORT, "r1_gamma": 3.0}))
    assert (first.r1_gamma, first.average_rampup) == (3.0, 0.05)
    again, events = run_all(order(tmp_path, resume=True, settings={"total_images": 12}))
    assert (again.r1_gamma, again.batch, again.total_images) == (3.0, 4, 12)
    assert events[0].images_seen == 8  # type: ignore[union-attr]


def test_that_resuming_where_nothing_is_begins_a_run_and_says_so(tmp_path: Path) -> None:
    _, events = run_all(order(tmp_path, resume=True))
    assert Notice("There is no run in run to go on with yet; a new one begins.") in events
    assert isinstance(events[-1], Finished)


def test_that_an_existing_run_is_not_overwritten(tmp_path: Path) -> None:
    run_all(order(tmp_path))
    assert said(order(tmp_path)) == "The folder run holds a run of 8 images already."


def test_that_a_fine_tune_brings_up_its_new_discriminator_first(tmp_path: Path) -> None:
    tiny_network().save(tmp_path / "model.safetensors")
    config, events = run_all(order(tmp_path, source=str(tmp_path / "model.safetensors")))
    assert config.warmup_images == 2
    assert config.average_rampup is None
    assert any("learns alone for the first 2 images" in e.text for e in events if isinstance(e, Notice))
    with open_run(
        order(tmp_path, source=str(tmp_path / "model.safetensors"), out=tmp_path / "long", settings={"batch": 4}),
        lambda: True,
    ) as run:
        assert run.trainer.config.warmup_images == 2000


def test_that_a_generator_that_would_never_learn_is_refused(tmp_path: Path) -> None:
    assert said(order(tmp_path, settings={**SHORT, "warmup_images": 8})) == (
        "The generator would learn nothing: it waits for 8 images, and the run ends after 8."
    )


def test_that_a_model_says_what_it_was_tuned_from_also_after_a_pause(tmp_path: Path) -> None:
    cached = tmp_path / f"{'ab' * 32}.safetensors"
    tiny_network().save(cached)
    run_all(order(tmp_path, source=str(cached), settings={**SHORT, "warmup_images": 4}))
    longer = {**SHORT, "total_images": 12, "warmup_images": 4}
    run_all(order(tmp_path, settings=longer, resume=True))
    (step,) = load_network(tmp_path / "run" / "model.safetensors").origin.lineage
    assert (step["images"], step["from_sha256"]) == (12, "ab" * 32)
    assert "from" not in step


def test_that_a_run_can_go_on_from_another_runs_average_and_discriminator(tmp_path: Path) -> None:
    run_all(order(tmp_path, out=tmp_path / "first"))
    start = start_from(str(tmp_path / "first"), seed=0)
    assert not start.new_discriminator
    config, _ = run_all(order(tmp_path, source=str(tmp_path / "first")))
    assert config.warmup_images == 0


def test_that_a_run_can_be_grown(tmp_path: Path) -> None:
    run_all(order(tmp_path, out=tmp_path / "first"))
    start = start_from(str(tmp_path / "first"), seed=0, grow=True)
    assert start.models.network.config.img_resolution == 32
    assert start.models.discriminator.config.img_resolution == 32
    assert start.notices == ("The model was grown from 16 to 32 px.",)


def test_that_damaged_checkpoints_are_told_of_and_the_one_before_is_taken(tmp_path: Path) -> None:
    run_all(order(tmp_path, settings={**SHORT, "checkpoint_images": 4}))
    newest = tmp_path / "run" / "checkpoints" / "000000000008" / "average.safetensors"
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    _, events = run_all(order(tmp_path, resume=True))
    texts = [event.text for event in events if isinstance(event, Notice)]
    assert "The checkpoint 000000000008 is damaged: average.safetensors is not as it was written." in texts
    assert "The run goes on from the checkpoint of 4 images instead." in texts
    newest.write_bytes(data)
    assert said(order(tmp_path)).startswith("The folder run holds a run of 4 images")


def test_that_other_pictures_than_at_first_are_told_of(tmp_path: Path) -> None:
    run_all(order(tmp_path))
    other = picture_folder(tmp_path / "other", 5)
    _, events = run_all(order(tmp_path, resume=True, data=other, settings={"total_images": 12}))
    assert Notice("The pictures are not the ones that this run was started with.") in events


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"batch_size": 4}}, "There is no training setting 'batch_size'."),
        ({"settings": {**SHORT, "batch": 4.5}}, "training settings.batch is 4.5; it must be of type int."),
        ({"settings": {"r1_gamma": -1.0}}, "The training setting r1_gamma is -1.0; it must be from 0 to 100000."),
        ({"settings": {"trainable": "x"}}, f"The training setting trainable names 'x'; {KNOWN_PARTS}."),
        ({"sizes": NewNetwork(48)}, "The training size is 48 px; it must be 8, 16, 32 ... 1024."),
        ({"source": "nobody"}, "There is no model file or run nobody."),
    ],
    ids=["unknown", "type", "range", "choice", "size", "source"],
)  # fmt: skip
def test_that_impossible_wishes_are_refused_in_words(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    assert said(order(tmp_path, **changes)) == message


def test_that_only_models_that_make_pictures_are_offered() -> None:
    with pytest.raises(JobError) as caught:
        start_from("nobody", seed=0)
    assert "portrait" in caught.value.hint
    assert "perceptual" not in caught.value.hint


def test_that_two_processes_do_not_train_in_one_folder(tmp_path: Path) -> None:
    with only_trainer_in(tmp_path / "run"):
        assert said(order(tmp_path)) == "Another process trains in run already."
    run_all(order(tmp_path))


def test_that_a_file_in_the_runs_place_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    assert said(order(tmp_path)) == "Graft could not use the folder run: a file of that name is there."


def test_that_a_folder_without_a_run_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="holds no usable checkpoint"):
        start_from(str(tmp_path), seed=0)


@pytest.mark.parametrize("name", ["sg2ada_64/net.pkl", "rosinality_64/net.pt", "sg2ada_64_resnet/net.pkl"])
def test_that_published_models_can_be_fine_tuned(tmp_path: Path, name: str) -> None:
    path = Path(__file__).parents[2] / "golden" / name
    start = start_from(str(path), seed=0)
    published = load_network(path)
    ws = published.mapping(torch.randn(1, published.config.z_dim, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(start.models.average.synthesis(ws), published.synthesis(ws))
    data = picture_folder(tmp_path / "large", 4, 64)
    settings = {**SHORT, "warmup_images": 4, "checkpoint_images": 100}
    _, events = run_all(order(tmp_path, data=data, source=str(path), settings=settings))
    assert isinstance(events[-1], Finished)
    tuned = load_network(tmp_path / "run" / "model.safetensors")
    assert tuned.config.mapping.has_w_avg
    assert not torch.equal(tuned.synthesis(ws), published.synthesis(ws))
    assert tuned.origin.source == published.origin.source
    (step,) = tuned.origin.lineage
    assert (step["step"], step["from"]) == ("train", "net")
    assert step["from_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_that_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ModelError):
        start_from(str(tmp_path / "x.safetensors"), seed=0)


def test_that_settings_survive_a_file() -> None:
    config = TrainingConfig(batch=32, ada_groups=("blit",), average_rampup=0.05, seed=7)
    assert TrainingConfig.from_json_text(config.to_json_text()) == config
    with pytest.raises(JobError, match="format 2"):
        TrainingConfig.from_json_text(config.to_json_text().replace('"format": 1', '"format": 2'))


def test_that_new_networks_repeat_by_their_seed() -> None:
    one, same, other = (start_from_nothing(SIZES, seed).models.network for seed in (1, 1, 2))
    assert one.sha256 == same.sha256 != other.sha256
    assert isinstance(one, Network)
    assert one.mapping(torch.zeros(1, 8)).shape == (1, 6, 8)
