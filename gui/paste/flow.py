"""Put back into the photo: opens the photo that a portrait was found in, follows the sliders, paints, exports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from engine.errors import printable
from engine.library_records import LatentRecord
from engine.messages import Frame, JobFinished, JobOutcome, Pixels
from engine.paste_events import (
    Mask,
    MaskPreset,
    PasteBack,
    PastedBack,
    PastePreview,
    PasteSettings,
    PreviewPaste,
    Seam,
)
from engine.portrait_source import PortraitSource
from engine.state import EditState, StoredLatent
from gui.aside import Aside
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.exporting import view_of_mode
from gui.main_window import MainWindow
from gui.messages import Choice, Messages
from gui.paste.export_dialog import PasteExportDialog
from gui.paste.kept_masks import KeptMasks
from gui.paste.stage import PasteStage
from gui.search.photo_check import PhotoFate, photo_fate
from gui.session import Session
from gui.settings import Settings
from gui.viewer import Viewer

KEEP_MS = 800
"""After the last stroke."""

PICTURES = "Photos (*.jpg *.jpeg *.png *.webp *.heic *.heif *.tif *.tiff *.gif *.bmp);;All files (*)"


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What a look at the disk gave.

    Attributes:
        is_there: Whether the photo can be read.
        is_same: Whether it is still the photo that the portrait was found in.
        mask: The one that was painted earlier.
    """

    source: PortraitSource
    photo: Path
    is_there: bool
    is_same: bool
    mask: Mask | None


class PasteFlow(QObject):
    """At most one photo is open."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        bridge: EngineBridge,
        viewer: Viewer,
        collection: Collection,
        masks: KeptMasks,
        messages: Messages,
        settings: Settings,
        use: Callable[[LatentRecord], object],
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            use: Puts a portrait of the shelf on screen.
        """
        super().__init__(parent)
        self._window = window
        self._session = session
        self._bridge = bridge
        self._viewer = viewer
        self._collection = collection
        self._masks = masks
        self._messages = messages
        self._settings = settings
        self._use = use
        self._aside = Aside("graft-paste", self)
        self._key = ""
        self._source: PortraitSource | None = None
        self._photo = Path()
        self._preview_id = ""
        self._is_due = False
        self._wants_preset = False
        self._is_painted = False
        self._told: frozenset[str] = frozenset()
        self.stage = PasteStage(_kept_settings(settings))
        self._keep_soon = QTimer(self)
        self._keep_soon.setSingleShot(True)
        self._keep_soon.setInterval(KEEP_MS)
        self._keep_soon.timeout.connect(self._keep_mask)
        self.stage.preset_wanted.connect(self._take_preset)
        self.stage.settings_changed.connect(self._take_settings)
        self.stage.export_wanted.connect(self.export)
        self.stage.left.connect(self.leave)
        self.stage.view.painted.connect(self._mask_painted)
        self.stage.view.painting.connect(self._refresh)
        bridge.frame_ready.connect(self._frame_came)
        session.state_changed.connect(self._state_changed)
        session.opened.connect(self._leave_for_other)
        window.parts.canvas.mode_changed.connect(self._refresh)
        window.parts.canvas.align_begun.connect(self.leave)
        window.stack.currentChanged.connect(self._centre_changed)

    @property
    def is_open(self) -> bool:
        return bool(self._key)

    # --- opening --------------------------------------------------------------------------------------------------

    @Slot()
    def open(self) -> None:
        """Open the photo of the portrait that is on screen."""
        state = self._session.state
        record = self._collection.latent(state.latent.key) if isinstance(state.latent, StoredLatent) else None
        if record is None or record.source is None:
            self._messages.say(
                "Only a portrait that was found in a photo can be put back.",
                "Open a portrait, or pick one from the shelf that was found with this Graft.",
            )
            return
        self._look(record.latent.key, record.source, record.source.path)

    def open_for(self, key: str) -> None:
        """Put a portrait of the shelf on screen, and then into its photo."""
        record = self._collection.latent(key)
        if record is not None:
            self._use(record)
            self.open()

    def _look(self, key: str, source: PortraitSource, photo: Path) -> None:
        self._aside.run(
            lambda: _found(source, photo, self._masks.read(key)),
            partial(self._looked, key),
            self._messages.error,
        )

    def _looked(self, key: str, found: _Found) -> None:
        if not found.is_there:
            name = printable(found.photo.name, 80)
            self._messages.warn(
                f"The photo {name} is not where it was.", "",
                Choice("Locate the photo…", partial(self.locate, key, found.source)),
            )  # fmt: skip
            return
        if not found.is_same:
            self._messages.warn(
                f"{printable(found.photo.name, 80)} is not the file that the portrait was found in; it may have been "
                "edited since.",
                "Look whether the face still fits.",
                Choice("Locate the photo…", partial(self.locate, key, found.source)),
            )
        elif found.photo != found.source.path:
            self._collection.tell_of_latent(key, source=replace(found.source, path=found.photo))
        self._begin(key, replace(found.source, path=found.photo), found.mask)

    def locate(self, key: str, source: PortraitSource) -> None:
        """Ask where the photo is now."""
        start = source.path.parent if source.path.parent.is_dir() else self._settings.folder("portraits")
        name, _ = QFileDialog.getOpenFileName(self._window, "Locate the photo", str(start), PICTURES)
        if name:
            self._look(key, source, Path(name))

    def _begin(self, key: str, source: PortraitSource, mask: Mask | None) -> None:
        latent = self._session.state.latent
        if not isinstance(latent, StoredLatent) or latent.key != key:
            return  # another portrait was picked meanwhile
        self._key, self._source, self._photo = key, source, source.path
        self._is_painted, self._told = mask is not None, frozenset()
        self._wants_preset = mask is None
        self.stage.view.begin("Opening the photo…")
        if mask is not None:
            self.stage.view.set_mask(mask, undoable=False)
        self._window.show_in_centre(self.stage)
        self.stage.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._refresh()

    @Slot()
    def leave(self) -> None:
        """Back to the picture; the mask is kept."""
        if not self.is_open:
            return
        if self._keep_soon.isActive():
            self._keep_mask()
        self._key, self._source = "", None
        if self._window.centre is self.stage:
            self._window.show_in_centre(None)
            self._window.parts.canvas.setFocus(Qt.FocusReason.OtherFocusReason)

    def close(self) -> None:
        self.leave()
        self._aside.wait()
        self._masks.close()

    @Slot()
    def _centre_changed(self) -> None:
        """Something else was put there."""
        if self.is_open and self._window.centre is not self.stage:
            self.leave()

    @Slot(object)
    def _leave_for_other(self, state: EditState) -> None:
        self.leave()

    @Slot(object)
    def _state_changed(self, state: EditState) -> None:
        if self.is_open and not (isinstance(state.latent, StoredLatent) and state.latent.key == self._key):
            self.leave()

    # --- the preview ----------------------------------------------------------------------------------------------

    @Slot(object)
    def _frame_came(self, frame: Frame) -> None:
        if self.is_open and frame.view is view_of_mode(self._window.parts.canvas.mode):
            self._refresh()

    @Slot()
    def _refresh(self) -> None:
        """Ask for a preview of what is now; what comes while one is made is asked for after it."""
        if not self.is_open or self._source is None:
            return
        if self._preview_id:
            self._is_due = True
            return
        self._is_due = False
        mask = None if self._wants_preset else self.stage.view.painter.mask
        job = PreviewPaste(self._photo, self._source, self._picture(), self.stage.settings, mask)
        self._preview_id = self._bridge.submit(job, partial(self._previewed, self._key))

    def _picture(self) -> Pixels | None:
        frame = self._viewer.frame(view_of_mode(self._window.parts.canvas.mode))
        return None if frame is None else frame.image

    def _previewed(self, key: str, event: JobFinished) -> None:
        self._preview_id = ""
        if not self.is_open:
            return
        if key != self._key:
            self._refresh()
            return
        result = event.result
        if isinstance(result, PastePreview):
            self._show(event.job, result)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)
            if not self.stage.view.has_photo:
                self.leave()
            return
        if self._is_due:
            self._refresh()

    def _show(self, job: object, result: PastePreview) -> None:
        view = self.stage.view
        if self._wants_preset and isinstance(job, PreviewPaste) and job.settings.preset is self.stage.settings.preset:
            self._wants_preset = False
            view.set_mask(result.mask, undoable=view.has_photo)
        view.show_preview(result)
        if news := [note for note in result.notes if note not in self._told]:
            self._told |= frozenset(news)
            self._messages.say(" ".join(news))

    # --- the mask -------------------------------------------------------------------------------------------------

    @Slot(str)
    def _take_preset(self, key: str) -> None:
        self._settings.set("paste.preset", MaskPreset(key).value)
        self._wants_preset, self._is_painted = True, False
        self._keep_soon.start()
        self._refresh()

    @Slot()
    def _mask_painted(self) -> None:
        self._wants_preset, self._is_painted = False, True
        self._keep_soon.start()
        self._refresh()

    @Slot()
    def _keep_mask(self) -> None:
        """A mask that Graft found is found again; one that was painted is kept."""
        self._keep_soon.stop()
        if not self.is_open:
            return
        if self._is_painted:
            self._masks.keep(self._key, self.stage.view.painter.mask, self._messages.error)
        else:
            self._masks.forget(self._key)

    @Slot(object)
    def _take_settings(self, settings: PasteSettings) -> None:
        self._settings.set("paste.seam", settings.seam.value)
        self._settings.set("paste.feather", settings.feather)
        self._settings.set("paste.detail", settings.detail)
        self._refresh()

    # --- exporting ------------------------------------------------------------------------------------------------

    @Slot()
    def export(self) -> None:
        if self._source is None or not self.stage.view.has_photo:
            return
        self._session.end_gesture()
        dialog = PasteExportDialog(self._photo, self._settings, self._window)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.export_to(dialog.target.path, keep_exif=dialog.keep_exif.isChecked()))
        dialog.open()

    def export_to(self, path: Path, *, keep_exif: bool = True) -> None:
        """Write the photo with the present picture in it."""
        if self._source is None:
            return
        view = view_of_mode(self._window.parts.canvas.mode)
        settings = replace(self.stage.settings, keep_exif=keep_exif)
        mask = None if self._wants_preset else self.stage.view.painter.mask
        job = PasteBack(self._session.state, self._photo, self._source, path, view, settings, mask)
        self._bridge.submit(job, self._exported)

    def _exported(self, event: JobFinished) -> None:
        result = event.result
        if isinstance(result, PastedBack):
            width, height = result.size_px
            seam = result.seam
            sentence = f"Exported {printable(result.path.name, 100)}, {width} by {height} pixels."
            figures = f"Across the seam pixels differ by {seam.result:.1f} of 255, in the photo by {seam.photo:.1f}."
            folder = QUrl.fromLocalFile(str(result.path.parent))
            show = Choice("Show folder", lambda: QDesktopServices.openUrl(folder))
            self._messages.say(sentence, " ".join([figures, *result.notes]), show)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)


def _found(source: PortraitSource, photo: Path, mask: Mask | None) -> _Found:
    fate = photo_fate(photo, source.sha256)
    return _Found(source, photo, fate is not PhotoFate.GONE, fate is PhotoFate.THERE, mask)


def _kept_settings(settings: Settings) -> PasteSettings:
    usual = PasteSettings()
    preset, seam = settings.get("paste.preset", ""), settings.get("paste.seam", "")
    return PasteSettings(
        preset=MaskPreset(preset) if preset in set(MaskPreset) else usual.preset,
        seam=Seam(seam) if seam in set(Seam) else usual.seam,
        feather=settings.get("paste.feather", usual.feather),
        detail=settings.get("paste.detail", usual.detail),
    )


