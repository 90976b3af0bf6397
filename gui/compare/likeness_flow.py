"""How like its photo the compared picture is: as it was found, and, when asked for, as it is now."""

from __future__ import annotations

from functools import cached_property

from PySide6.QtCore import QObject, Slot

from engine.likeness import Likeness
from engine.likeness_events import LikenessMeasured, MeasureLikeness
from engine.messages import JobFinished, Pixels
from engine.state import EditState, StoredLatent, View
from gui.collection import Collection
from gui.compare.likeness_line import LikenessLine
from gui.comparison import Comparison, Still
from gui.engine_bridge import EngineBridge
from gui.main_window import MainWindow
from gui.messages import Messages
from gui.session import Session

NO_PICTURE = "A pinned picture keeps its place: choose the blend, A or B to measure it"


class LikenessFlow(QObject):
    """Shows its line while the photo is one of the two that are compared."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        messages: Messages,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window = window
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._messages = messages
        self._photo: Pixels | None = None
        self._view: View | None = None
        self._measured: LikenessMeasured | None = None
        self._job_id = ""
        session.state_changed.connect(self._show)
        collection.latents_changed.connect(self._show)

    @cached_property
    def line(self) -> LikenessLine:
        """Made when a photo is first compared."""
        line = LikenessLine()
        line.measure_wanted.connect(self.measure)
        self._window.put_under_canvas(line)
        return line

    def follow(self, comparison: Comparison, *, is_shown: bool, photo: Pixels | None) -> None:
        """
        Args:
            is_shown: Whether anything is compared on screen.
            photo: The crop that the photo's side shows, as far as it is there.
        """
        others = [plate for plate in comparison.plates if plate is not Still.PHOTO]
        has_photo = is_shown and len(others) == 1
        self._photo = photo if has_photo else None
        self._view = others[0] if has_photo and isinstance(others[0], View) else None
        if has_photo:
            self.line.show()
            self._show()
        elif "line" in self.__dict__:
            self.line.hide()

    @property
    def _found(self) -> Likeness | None:
        latent = self._session.state.latent
        record = self._collection.latent(latent.key) if isinstance(latent, StoredLatent) else None
        return record.likeness if record is not None else None

    @Slot()
    def _show(self, _state: EditState | None = None) -> None:
        if "line" not in self.__dict__:
            return
        measured = self._measured
        is_now = measured is not None and (measured.state, measured.view) == (self._session.state, self._view)
        self.line.show_numbers(self._found, measured.likeness if measured is not None and is_now else None)
        self.line.set_measuring(bool(self._job_id))
        if not self._job_id:
            waits = "The photo is being read" if self._photo is None else ""
            self.line.set_reason(NO_PICTURE if self._view is None else waits)

    @Slot()
    def measure(self) -> None:
        """Of what is on screen now."""
        if self._photo is None or self._view is None or self._job_id:
            return
        self._session.end_gesture()
        job = MeasureLikeness(self._session.state, self._photo, self._view)
        self._job_id = self._bridge.submit(job, self._done)
        self._show()

    def _done(self, event: JobFinished) -> None:
        self._job_id = ""
        if isinstance(event.result, LikenessMeasured):
            self._measured = event.result
        elif event.error is not None:
            self._messages.error(event.error)
        self._show()
