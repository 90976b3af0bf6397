"""Training from the window, with a trainer that trains nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from PIL import Image
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from engine.training_process import end_at_once, is_at_work
from engine.training_runs import RunState, story_of
from gui.theme import LIGHT, apply_theme
from gui.training import watch
from gui.training.flow import CARD_ID, TrainingFlow
from gui.training.goals import Goal
from gui.training.window import TrainingWindow
from gui.widgets.job_card import JobState
from gui.widgets.value_field import ValueField

TRAINER = Path(__file__).with_name("fake_trainer.py")
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "woodcuts"
    folder.mkdir()
    for number in range(14):
        Image.new("RGB", (80, 64 + number), (10 * number, 90, 120)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def no_trainer_is_left(tmp_path: Path) -> Iterator[None]:
    yield
    for file in tmp_path.rglob("trainer.json"):
        end_at_once(file.parent)


@pytest.fixture
def train(make_desk: MakeDesk, no_trainer_is_left: None, qtbot: object) -> Callable[..., Training]:
    def open_window(behaviour: str = "steps", **more: object) -> Training:
        return Training(make_desk(**more), behaviour)

    return open_window


class Training:
    """A desk with the training window open."""

    def __init__(self, desk: Desk, behaviour: str) -> None:
        self.desk = desk
        self.flow: TrainingFlow = desk.studio.training
        self.flow.watch.program = (sys.executable, str(TRAINER), behaviour)
        desk.studio.window.actions_["train"].trigger()
        self.window: TrainingWindow = self.flow.window
        self.setup, self.page = self.window.setup, self.window.page
        self.steps = 0

    def choose(self, folder: Path) -> None:
        self.desk.drop(folder, on=self.setup.pictures)
        self.desk.wait_until(lambda: "Looking" not in self.setup.pictures.caption)

    def start(self, folder: Path) -> Path:
        self.choose(folder)
        self.setup.start.click()
        assert self.flow.watch.folder is not None, self.setup.problem.text()
        return self.flow.watch.folder

    def run_to_the_end(self, folder: Path) -> Path:
        run = self.start(folder)
        self.desk.wait_until(lambda: self.flow.watch.folder is None)
        return run

    def let_step(self, count: int = 1) -> None:
        folder = self.flow.watch.folder
        assert folder is not None
        for _ in range(count):
            (folder / f"next-{self.steps}").touch()
            self.steps += 1

    def charts_are_drawn(self) -> bool:
        return self.page.losses.is_drawn and self.page.distance.is_drawn

    def settle(self) -> None:
        if self.window.stack.currentWidget() is self.page:
            self.desk.wait_until(self.charts_are_drawn)


def test_that_the_window_opens_by_its_menu_and_says_what_is_missing(train: Callable[..., Training]) -> None:
    training = train()
    assert training.window.isVisible()
    assert not training.setup.start.isEnabled()
    assert training.setup.start.toolTip() == "Choose the pictures first."
    assert training.desk.studio.window.actions_["train"].shortcut().toString() == "Ctrl+T"


def test_that_a_dropped_folder_is_looked_at_and_names_the_model(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train()
    training.choose(pictures)
    assert training.setup.pictures.caption == "14 pictures, 64 to 77 px"
    assert training.setup.name.text() == "woodcuts"
    assert training.setup.start.isEnabled()
    (pictures / "broken.png").write_bytes(b"no picture")
    training.choose(pictures / "broken.png")  # a dropped picture means its folder
    assert ". 1 cannot be read" in training.setup.pictures.caption


def test_that_a_folder_without_pictures_cannot_be_started_with(
    train: Callable[..., Training], tmp_path: Path
) -> None:
    training = train()
    nothing = tmp_path / "empty"
    nothing.mkdir()
    training.choose(nothing)
    assert not training.setup.start.isEnabled()
    assert "holds no pictures" in training.setup.problem.text()


def test_that_goals_fill_in_what_they_mean(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    training.choose(pictures)
    setup = training.setup
    assert setup.source.currentText() == "portrait, 64 px"
    plans = {}
    for goal in (Goal.FULL, Goal.GROW, Goal.NOTHING, Goal.LIGHT):
        setup.goal.card(goal.value).click()
        plans[goal] = setup.plan()
    light, full = plans[Goal.LIGHT].settings, plans[Goal.FULL].settings
    assert (light["trainable"], light["frozen_below"], light["augmentation"]) == ("synthesis", 8, "diffaugment")
    assert (full["trainable"], full["frozen_below"]) == ("all", 0)
    assert plans[Goal.GROW].grow
    assert plans[Goal.GROW].source is not None
    assert plans[Goal.NOTHING].source is None
    assert plans[Goal.LIGHT].source_name == "portrait"


def test_that_choosing_nothing_to_start_from_is_the_goal_from_nothing_and_back(
    train: Callable[..., Training]
) -> None:
    setup = train().setup
    setup.source.setCurrentIndex(setup.source.count() - 1)
    setup.source.activated.emit(setup.source.count() - 1)
    assert setup.goal.current == Goal.NOTHING
    assert setup.advanced.new_size.isVisibleTo(setup.advanced.new_size.parentWidget())
    setup.goal.card(Goal.FULL).click()
    assert setup.source.currentText() == "portrait, 64 px"


def test_that_every_control_reaches_the_command_line(train: Callable[..., Training], pictures: Path) -> None:
    training = train("whole")
    training.choose(pictures)
    setup, advanced = training.setup, training.setup.advanced
    setup.goal.card(Goal.NOTHING).click()
    setup.images.set_value(80)
    advanced.new_size.setCurrentText("32 px")
    advanced.capacity.setCurrentText("Small, quick")
    advanced.framing.setCurrentText("Eyes on one line")
    advanced.augmentation.set_current("ada")
    advanced.trainable.set_current("mapping")
    advanced.frozen_below.set_value(16)
    advanced.freeze_d.set_value(3)
    advanced.learning_rate.set_value(0.001)
    advanced.batch.set_value(4)
    advanced.seed.set_value(7)
    advanced.minutes.set_value(30)
    advanced.device.setCurrentText("Processor")
    advanced.precision.set_current("float32")
    advanced.more.setText('r1_gamma=2 mirror=false ada_groups=["blit"]')
    setup.start.click()
    folder = training.flow.watch.folder
    assert folder is not None
    training.desk.wait_until(lambda: training.flow.watch.folder is None)
    words = " ".join(json.loads((folder / "arguments.json").read_text()))
    for part in (
        f"--data {pictures}", "--size 32 --framing eyes --channel-base 2048 --channel-max 64", "--minutes 30",
        "--device cpu", "total_images=80", "batch=4", "learning_rate=0.001", 'augmentation="ada"',
        'trainable="mapping"', "frozen_below=16", "frozen_discriminator_layers=3", 'precision="float32"', "seed=7",
        "r1_gamma=2", "mirror=false", 'ada_groups=["blit"]', "--resume --background",
    ):  # fmt: skip
        assert part in words
    training.settle()


def test_that_what_was_turned_by_hand_stays_when_the_pictures_are_known(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train()
    setup = training.setup
    setup.advanced.batch.setFocus()
    QTest.keyClick(setup.advanced.batch, Qt.Key.Key_Up)
    training.choose(pictures)
    assert setup.plan().settings["batch"] == 17
    setup.goal.card(Goal.FULL).click()
    assert setup.plan().settings["batch"] == 16


def test_that_a_setting_without_a_value_is_said_before_the_start(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train()
    training.choose(pictures)
    QTest.keyClicks(training.setup.advanced.more, "mirror")
    assert "“mirror” is no setting" in training.setup.problem.text()
    assert not training.setup.start.isEnabled()


def test_that_a_run_is_followed_paused_and_taken_up_again(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    run = training.start(pictures)
    desk, page = training.desk, training.page
    desk.wait_until(lambda: page.sheet.sheet is not None)
    assert "12 pictures, 64 px" in page.origin.text()
    training.let_step(4)
    desk.wait_until(lambda: "40 of 80 images" in page.figures.text())
    desk.wait_until(lambda: len(page.distance.points["KID"]) == 2)
    assert "4 images/s   10 s left" in page.figures.text()
    assert page.distance.marked == (40, 0.1)
    assert page.distance.level == 0.01
    assert page.losses.points["generator"] == ((20, 1.2), (40, 1.2))
    card = desk.studio.window.parts.shelf.tray.card(CARD_ID)
    assert card is not None
    assert card.text == "50 %, 10 s left"
    assert [item.caption for item in training.window.runs.items] == ["training, 50 %"]
    page.pause.click()
    desk.wait_until(lambda: training.flow.watch.folder is None)
    assert card.state is JobState.PAUSED
    assert page.run is not None
    assert page.run.state is RunState.PAUSED
    assert page.go_on.isVisible()
    card.resume_requested.emit(CARD_ID)
    desk.wait_until(lambda: "--resume" in (run / "arguments.json").read_text() and training.flow.watch.folder == run)
    desk.wait_until(lambda: page.pause.isVisible())
    training.settle()


def test_that_sheets_can_be_looked_back_through(train: Callable[..., Training], pictures: Path) -> None:
    training = train("whole")
    training.run_to_the_end(pictures)
    page = training.page
    assert page.sheet.sheet is not None
    newest = page.sheet.sheet.pixelColor(5, 5)
    assert page.look_back.value == 40
    page.look_back.setFocus()
    QTest.keyClick(page.look_back, Qt.Key.Key_Left)
    assert page.look_back.value == 0
    assert page.sheet.sheet.pixelColor(5, 5) != newest
    training.settle()


def test_that_a_full_disk_is_waited_for_and_said(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    training.start(pictures)
    training.let_step(7)
    desk, page = training.desk, training.page
    desk.wait_until(lambda: page.run is not None and page.run.state is RunState.WAITING)
    assert "the disk is full. Free some space. It goes on by itself then." in page.sentence.text()
    training.let_step(1)
    desk.wait_until(lambda: page.run is not None and page.run.state is RunState.TRAINING)
    assert not page.sentence.isVisible()
    training.settle()


def test_that_a_trained_model_lands_on_the_shelf_and_can_be_b_at_once(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train("whole")
    training.run_to_the_end(pictures)
    desk = training.desk
    desk.wait_until(lambda: "woodcuts" in desk.message())
    assert desk.message() == "“woodcuts” is trained and on the shelf."
    assert [record.ref.name for record in desk.studio.collection.models()] == ["portrait", "toon", "woodcuts"]
    desk.studio.messages.bar._trigger()
    desk.wait_until(lambda: desk.state.model_b is not None and desk.state.model_b.name == "woodcuts")
    training.settle()


def test_that_a_snapshot_can_be_taken_while_it_trains(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    training.start(pictures)
    training.let_step(2)
    desk, page = training.desk, training.page
    desk.wait_until(lambda: page.distance.marked == (20, 0.2))
    page.use.click()
    desk.wait_until(lambda: desk.state.model_b is not None and desk.state.model_b.name == "woodcuts")
    record = desk.studio.collection.model(desk.state.model_b.sha256 if desk.state.model_b else None)
    assert record is not None
    assert record.path.read_text() == "the model of 20 images"
    assert training.flow.watch.folder is not None, "it trains on"
    page.use.click()  # the same snapshot again is the same model
    desk.settle()
    assert len(desk.studio.collection.models()) == 3
    training.settle()


def test_that_finishing_early_keeps_the_best(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    training.start(pictures)
    training.let_step(4)
    desk = training.desk
    desk.wait_until(lambda: training.page.distance.marked == (40, 0.1))
    training.page.finish.click()
    desk.wait_until(lambda: "on the shelf" in desk.message())
    assert desk.studio.window.parts.shelf.tray.card(CARD_ID) is None
    training.settle()


@pytest.mark.parametrize(
    ("behaviour", "state", "said"),
    [
        ("refuses", RunState.FAILED, "Too few pictures to learn from: 3 of 5"),
        ("astray", RunState.FAILED, "a loss is nan"),
        ("dies", RunState.INTERRUPTED, "ended without a word. It can go on from 40 images"),
    ],
)
def test_that_an_end_that_nobody_wanted_is_said_in_a_sentence(
    train: Callable[..., Training], pictures: Path, behaviour: str, state: RunState, said: str
) -> None:
    training = train(behaviour)
    training.run_to_the_end(pictures)
    page = training.page
    assert page.run is not None
    assert page.run.state is state
    assert said in page.sentence.text()
    assert "woodcuts" in training.desk.message()
    assert page.go_on.isEnabled()
    assert page.rate.isVisible() == (behaviour == "astray")
    training.settle()


def test_that_a_run_that_went_astray_goes_on_with_a_smaller_learning_rate(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train("astray")
    run = training.run_to_the_end(pictures)
    training.page.rate.set_value(0.0005)
    training.flow.watch.program = (sys.executable, str(TRAINER), "whole")
    training.page.go_on.click()
    training.desk.wait_until(lambda: training.flow.watch.folder is None)
    assert "learning_rate=0.0005" in json.loads((run / "arguments.json").read_text())
    training.settle()


def test_that_closing_graft_pauses_and_the_next_start_offers_to_go_on(
    train: Callable[..., Training], pictures: Path, qtbot: object
) -> None:
    first = train()
    run = first.start(pictures)
    first.let_step(4)
    first.desk.wait_until(lambda: first.page.run is not None and len(first.page.run.story.scores) == 2)
    first.settle()
    first.desk.studio.window.close()
    first.desk.studio.close()
    assert not first.window.isVisible()
    first.desk.wait_until(lambda: not is_at_work(run))
    again = train(models=())
    assert "woodcuts” is paused at" in again.desk.message()
    again.desk.studio.messages.bar._trigger()
    assert again.flow.watch.folder == run


def test_that_a_trainer_that_survived_graft_is_found_again(train: Callable[..., Training], pictures: Path) -> None:
    first = train()
    run = first.start(pictures)
    first.window.goes_on.setChecked(True)
    first.let_step(2)
    first.desk.wait_until(lambda: first.page.run is not None and len(first.page.run.story.scores) == 1)
    first.settle()
    first.desk.studio.window.close()
    first.desk.studio.close()
    assert is_at_work(run)
    again = train(models=())
    assert again.flow.watch.folder == run
    assert again.window.shown_folder == run
    assert again.page.distance.marked == (20, 0.2)
    again.steps = 2
    again.let_step(2)
    again.desk.wait_until(lambda: again.page.distance.marked == (40, 0.1))
    assert again.desk.studio.window.parts.shelf.tray.card(CARD_ID) is not None
    again.settle()


def test_that_one_training_goes_on_at_a_time(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    training.start(pictures)
    training.window.new.click()
    assert not training.setup.start.isEnabled()
    assert "one at a time" in training.setup.start.toolTip()
    training.settle()
    training.desk.wait_until(training.charts_are_drawn)


def test_that_a_run_can_be_started_from_another_with_its_discriminator(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train("whole")
    run = training.run_to_the_end(pictures)
    training.desk.wait_until(lambda: "on the shelf" in training.desk.message())
    training.window.new.click()
    setup = training.setup
    names = [setup.source.itemText(row) for row in range(setup.source.count())]
    assert names == ["portrait, 64 px", "toon, 64 px", "woodcuts, 64 px", "run “woodcuts”, 40 images", "Nothing"]
    setup.source.setCurrentIndex(3)
    setup.source.activated.emit(3)
    plan = setup.plan()
    assert plan.source == str(run)
    assert plan.settings["frozen_discriminator_layers"] > 0
    training.settle()


def test_that_the_speed_that_was_measured_estimates_the_next_run(
    train: Callable[..., Training], pictures: Path
) -> None:
    training = train("whole")
    training.run_to_the_end(pictures)
    training.window.new.click()
    training.setup.images.set_value(2400)
    training.setup._show_estimate()
    assert training.setup.estimate.text() == "About 10 min at 4 images/s, as the last 64 px run went."


@pytest.mark.parametrize(("size", "light"), [((1280, 800), True), ((1100, 700), False)])
def test_that_nothing_is_cut_off(
    train: Callable[..., Training], pictures: Path, qapp: QApplication, size: tuple[int, int], light: bool
) -> None:
    training = train("whole")
    if light:
        apply_theme(qapp, LIGHT)
    training.window.resize(*size)
    training.run_to_the_end(pictures)
    training.settle()
    assert_all_words_fit(training.window)
    training.window.new.click()
    training.setup.advanced.set_folded(False)
    training.setup.goal.card(Goal.NOTHING).click()
    QApplication.processEvents()
    assert (training.window.width(), training.window.height()) == size
    assert_all_words_fit(training.window)


def assert_all_words_fit(window: QWidget) -> None:
    for widget in window.findChildren(QWidget):
        if not widget.isVisible():
            continue
        if isinstance(widget, QLabel | QAbstractButton | ValueField):
            parent = widget.parentWidget()
            assert parent is not None
            inside = QRect(QPoint(0, 0), parent.size())
            assert inside.contains(widget.geometry()), f"{widget} {widget.accessibleName()} leaves its parent"
        if isinstance(widget, QLabel) and widget.text():
            needed = widget.heightForWidth(widget.width()) if widget.wordWrap() else widget.sizeHint().height()
            assert widget.height() >= needed, widget.text()
            if not widget.wordWrap():
                assert widget.width() >= widget.sizeHint().width(), widget.text()
        elif isinstance(widget, QAbstractButton) and widget.text():
            assert widget.width() >= widget.minimumSizeHint().width(), widget.text()


def test_that_everything_can_be_reached_by_tab(train: Callable[..., Training], pictures: Path) -> None:
    training = train()
    training.choose(pictures)
    setup = training.setup
    setup.advanced.set_folded(False)
    setup.pictures.setFocus()
    seen: set[QWidget] = set()
    for _ in range(60):
        focused = training.window.focusWidget()
        assert focused is not None
        seen.add(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    wanted = [
        setup.pictures, setup.source, setup.name, setup.images, setup.start, setup.advanced.augmentation,
        setup.advanced.batch, setup.advanced.more, training.window.new, training.window.goes_on,
    ]
    assert [widget for widget in wanted if widget not in seen] == []
    assert all(widget.toolTip() or widget.accessibleName() for widget in wanted)


def test_that_goals_are_walked_with_arrow_keys(train: Callable[..., Training]) -> None:
    setup = train().setup
    setup.goal.card(Goal.LIGHT).setFocus()
    QTest.keyClick(setup.goal.card(Goal.LIGHT), Qt.Key.Key_Right)
    assert setup.goal.current == Goal.FULL
    assert setup.advanced.trainable.current == "all"


def test_that_esc_leaves_a_typed_value_first_and_then_the_window(train: Callable[..., Training]) -> None:
    training = train()
    images = training.setup.images
    images.setFocus()
    images.type_value()
    field = training.window.focusWidget()
    assert field is not images
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert training.window.isVisible()
    QTest.keyClick(images, Qt.Key.Key_Escape)
    assert not training.window.isVisible()


def test_that_a_model_that_was_done_while_graft_was_closed_is_on_the_shelf_at_the_next_start(
    train: Callable[..., Training], pictures: Path
) -> None:
    first = train()
    run = first.start(pictures)
    first.window.goes_on.setChecked(True)
    first.desk.wait_until(lambda: first.page.run is not None and first.page.run.story.started is not None)
    first.settle()
    first.desk.studio.window.close()
    first.desk.studio.close()
    for step in range(11):
        (run / f"next-{step}").touch()
    first.desk.wait_until(lambda: not is_at_work(run))
    again = train(models=())
    again.desk.wait_until(lambda: "woodcuts" in [record.ref.name for record in again.desk.studio.collection.models()])
    assert again.desk.message() == "“woodcuts” is trained and on the shelf."


def test_that_a_run_that_was_paused_by_hand_is_not_offered_at_every_start(
    train: Callable[..., Training], pictures: Path
) -> None:
    first = train()
    first.start(pictures)
    first.desk.wait_until(lambda: first.page.run is not None and first.page.run.story.started is not None)
    first.page.pause.click()
    first.desk.wait_until(lambda: first.flow.watch.folder is None)
    first.settle()
    first.desk.studio.window.close()
    first.desk.studio.close()
    again = train(models=())
    assert again.desk.message() == ""
    assert [item.name for item in again.window.runs.items] == ["woodcuts"]


def test_that_a_finished_run_can_be_trained_longer(train: Callable[..., Training], pictures: Path) -> None:
    training = train("whole")
    run = training.run_to_the_end(pictures)
    page = training.page
    assert page.go_on.text() == "Train on"
    assert page.until.value > 80
    page.until.set_value(160)
    page.go_on.click()
    training.desk.wait_until(lambda: training.flow.watch.folder is None)
    assert "total_images=160" in json.loads((run / "arguments.json").read_text())
    training.settle()


def test_that_a_trainer_that_begins_at_once_is_not_taken_for_one_that_has_not_begun(
    train: Callable[..., Training], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = train()
    note = watch.note_process

    def note_late(folder: Path, pid: int) -> None:
        training.desk.wait_until(lambda: story_of(folder).saved_images == 0 and story_of(folder).sheets)
        note(folder, pid)

    monkeypatch.setattr(watch, "note_process", note_late)
    training.start(pictures)
    training.desk.wait_until(lambda: training.flow.watch.state is RunState.TRAINING)
    training.settle()
