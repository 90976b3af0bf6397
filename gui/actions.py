"""Every action of the window: its words, its key, its tooltip. What they do is connected elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QWidget

from gui.canvas import CanvasMode
from gui.settings import Settings
from gui.shortcuts import Keys, chosen_keys, native, portable


@dataclass(frozen=True, slots=True)
class _Plan:
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    checkable: bool = False


_PLANS = {
    # File
    "new": _Plan("New session", ("Ctrl+N",), "Begin afresh; unsaved work can be restored"),
    "open": _Plan("Open…", ("Ctrl+O",), "A session, a still with its recipe, a model or a portrait"),
    "save": _Plan("Save session", ("Ctrl+S",)),
    "save_as": _Plan("Save session as…", ("Ctrl+Shift+S",)),
    "restore": _Plan("Restore unsaved work", (), "Bring back what an earlier run left unsaved"),
    "quit": _Plan("Quit", ("Ctrl+Q",)),
    # Edit
    "undo": _Plan("Undo", ("Ctrl+Z",)),
    "redo": _Plan("Redo", ("Ctrl+Shift+Z", "Ctrl+Y")),
    "copy": _Plan("Copy picture", ("Ctrl+C",), "At full size, with its recipe inside"),
    "paste": _Plan("Paste", ("Ctrl+V",), "A picture with its recipe, a photo, or a file or its path"),
    "new_seed": _Plan("New seed", ("R",), "Another face, everything else the same"),
    "surprise": _Plan("Surprise me", ("Shift+R",), "Another face, blended another way; locked controls stay"),
    "explore": _Plan("Explore variations", ("E",), "A sheet of pictures like this one to pick from", checkable=True),
    "find_on_shelf": _Plan("Search the shelf", ("Ctrl+F",), "Name, tag, family, resolution: toon 256"),
    "save_look": _Plan("Save look…", ("Ctrl+L",), "Keep what is done to this face, for other faces"),
    "restore_look": _Plan("Bring back deleted look", (), "The look that was deleted last"),
    # View
    "show_a": _Plan("A", ("1",), "Model A alone", checkable=True),
    "show_blend": _Plan("Blend", ("2",), "The blend alone", checkable=True),
    "show_b": _Plan("B", ("3",), "Model B alone", checkable=True),
    "show_triptych": _Plan("Triptych", ("4",), "A, blend and B side by side", checkable=True),
    "show_compare": _Plan("Compare", ("C",), "Two pictures: wipe, side by side, blink, difference", checkable=True),
    "show_spaces": _Plan("Spaces", ("5",), "The blend of weights beside that of latents", checkable=True),
    "blink": _Plan("Blink", ("B",), "The two compared pictures one after the other; again stops it", checkable=True),
    "pin": _Plan("Pin this picture", ("P",), "Set it aside, to compare with and to go back to"),
    "compare_photo": _Plan("Compare with the photo", ("Shift+C",), "A portrait's photo against the blend"),
    "pixel_values": _Plan("Pixel values", ("I",), "The colours under the cursor, in the status bar", checkable=True),
    "history": _Plan("History tree", ("Ctrl+H",), "Every step so far as a tree of pictures, with names and stars"),
    "fit": _Plan("Fit to window", ("F",)),
    "one_to_one": _Plan("Actual size", ("Z",)),
    "zoom_in": _Plan("Zoom in", ("Ctrl++", "Ctrl+=")),
    "zoom_out": _Plan("Zoom out", ("Ctrl+-",)),
    "animate": _Plan("Timeline", ("Ctrl+Shift+A",), "Keyframes: anything moves, and becomes a film", checkable=True),
    "hide_docks": _Plan("Only the picture", (), "Hide the panels (Tab)", checkable=True),
    "next_part": _Plan("Next part of the window", ("F6",)),
    "float_controls": _Plan("Float the controls", (), "Take the controls out of the window", checkable=True),
    "reset_layout": _Plan("Reset layout"),
    "theme_dark": _Plan("Dark", checkable=True),
    "theme_light": _Plan("Light", (), "Neutral grey, to judge colour", checkable=True),
    "theme_system": _Plan("As the desktop", checkable=True),
    # Models
    "add_model": _Plan("Add model…", ("Ctrl+M",), "A StyleGAN2 file: .pkl, .pt, .pth, .safetensors"),
    "get_models": _Plan("Get models…", ("Ctrl+G",), "Download published models, with their licences"),
    "library": _Plan("Library…", ("Ctrl+Shift+L",), "All models, portraits and looks; tags, trash"),
    "train": _Plan("Train a model…", ("Ctrl+T",), "Teach a model your pictures: a folder, a goal, Start"),
    "measure": _Plan("Measure a model…", (), "How good its pictures are, how varied, and whether it copies"),
    "directions": _Plan("Find directions…", ("Ctrl+Shift+D",), "Sliders for light, hair, age, from the model itself"),
    "import_directions": _Plan("Import directions…", (), "From a .npy, .npz, .safetensors or .pt file"),
    "styles": _Plan("StyleSpace channels…", (), "Single channels of a layer's style"),
    "swap": _Plan("Swap A and B", ("X",)),
    "doctor": _Plan("Blend doctor…", ("Ctrl+D",), "What will not mix in these models, why, and where to swap"),
    "save_blend": _Plan("Save the blend as a model…", (), "One network of both, in Graft's open format"),
    # Portrait
    "open_portrait": _Plan("Open portrait…", ("Ctrl+P",), "Your photo in every style at once"),
    "search_closer": _Plan("Search closer", ("Ctrl+Shift+P",), "Go on from the portrait on screen"),
    "align_again": _Plan("Align again…", (), "The photo of the portrait on screen, its handles where they were"),
    "search_steps": _Plan("Steps of the last search", (), "Every step that it took, to look at and to take"),
    "every_style": _Plan("In every style", ("T",), "The face on screen in every style at once: click one and go on"),
    "put_back": _Plan("Put back into the photo…", ("Ctrl+Shift+B",), "The edited face in its photo, at full size"),
    "invert_many": _Plan("Find portraits in a folder…", (), "Every face in a folder of photos, onto the shelf"),
    "tune": _Plan("Tune the model to this portrait…", (), "A copy of the model that draws this very person"),
    "save_lines": _Plan("Save as line drawing…", (), "The contours of a photo's face, black on white"),
    # Export
    "export": _Plan("Export still…", ("Ctrl+E",), "Full size, with its recipe inside"),
    "export_video": _Plan("Export film…", ("Ctrl+Shift+F",), "The timeline as MP4, WebM, GIF or PNG frames"),
    "key_here": _Plan("Set key", ("K",), "A key on the timeline for everything that has changed"),
    "export_sheet": _Plan("Export contact sheet…", ("Ctrl+Shift+E",), "Seeds, swaps, alphas, in a grid"),
    "batch": _Plan("Apply the look to many…", ("Ctrl+B",), "On a folder of photos or many seeds, at once"),
    "export_network": _Plan("Export network…", (), "A, B or the blend as a model for other programs: PyTorch, ONNX"),
    # Help
    "palette": _Plan("Find an action…", ("Ctrl+K",)),
    "keys": _Plan("All keys", ("?",)),
    "shortcuts": _Plan("Keyboard shortcuts…", (), "Every action and its keys, to search and to change"),
    "weights": _Plan("Optional weights…", (), "Nets that Graft uses when you have them, and portrait encoders"),
    "faster_previews": _Plan("Faster previews…", (), "Compile the drawing of previews for this processor, once"),
    "about": _Plan("About Graft"),
}

VIEW_ACTIONS = {
    "show_a": CanvasMode.A,
    "show_blend": CanvasMode.BLEND,
    "show_b": CanvasMode.B,
    "show_triptych": CanvasMode.TRIPTYCH,
    "show_compare": CanvasMode.COMPARE,
    "show_spaces": CanvasMode.SPACES,
}
THEME_ACTIONS = {"theme_dark": "dark", "theme_light": "light", "theme_system": "system"}

HELD_KEYS = (
    ("Space, held", "Show what one compares with: A, or the chosen reference"),
    ("Tab, on the picture", "Only the picture; again brings the panels back"),
    ("Shift, dragging", "Ten times finer"),
    ("Ctrl, dragging", "Snap to stops"),
    ("Enter, on a value", "Type it; arithmetic works"),
    ("Double-click or Delete, on a control", "Back to its default"),
    ("+ and -, [ and ], aligning a portrait", "Size and turn the crop; the arrows move it"),
    ("1 to 9, Ctrl with Left and Right, aligning", "Another of the faces that were found"),
    ("Ctrl+Shift+C, Ctrl+Shift+V, on a control", "Copy its value, paste one"),
    ("Ctrl+Shift+K, on a control", "Keep it through dice and surprises"),
    ("Alt with arrows, in the mix", "To whole groups, to other sources; with Shift, move a source"),
    ("M, S, D, in the mix", "Mute, solo, duplicate a source"),
    ("Space, on the timeline", "Play the film, or stop"),
    ("Comma, full stop, on the timeline", "From key to key; Ctrl with arrows moves it"),
    ("Space, on a search", "Pause it, or go on"),
    ("Enter, Shift+Enter, on a search", "Take the step on screen; a copy of it, while the search goes on"),
    ("Arrows, W, on a search", "To earlier steps; wipe between the photo and what is found"),
    ("Up and Down, on the filmstrip", "The branch beside"),
    ("Enter, K, Space, on variations", "Go on from one, keep it as a branch, roll others"),
    ("A, D, V, on the photo", "Paint the new face in, paint the photo in, look"),
    ("[, ], M, I, on the photo", "Brush smaller, larger; show the mask; invert it"),
    ("Space, held, on the photo", "The photo as it was"),
    ("Esc", "Back to the picture"),
)


def title_of(action: QAction) -> str:
    """What an action is called where it does not stand in its menu."""
    name = action.objectName()
    group = "View: " if name in VIEW_ACTIONS else "Theme: " if name in THEME_ACTIONS else ""
    return f"{group}{action.iconText()}"


class Actions:
    """The actions by name: ``actions["undo"]``."""

    def __init__(self, window: QWidget, settings: Settings | None = None) -> None:
        """
        Args:
            settings: Where the user's own keys are.
        """
        usual = {name: plan.keys for name, plan in _PLANS.items()}
        keys = usual if settings is None else chosen_keys(settings, usual)
        self._actions: dict[str, QAction] = {}
        self._found_only: tuple[QAction, ...] = ()
        for name, plan in _PLANS.items():
            action = QAction(plan.text, window)
            action.setObjectName(name)
            action.setIconText(plan.text.rstrip("…"))
            action.setCheckable(plan.checkable)
            action.setStatusTip("")
            window.addAction(action)
            self._actions[name] = action
            self.set_keys(name, keys[name])
        self._exclusive(window, VIEW_ACTIONS)
        self._exclusive(window, THEME_ACTIONS)

    def __getitem__(self, name: str) -> QAction:
        return self._actions[name]

    def named(self) -> dict[str, QAction]:
        """The window's own."""
        return dict(self._actions)

    def keys(self, name: str) -> Keys:
        """What calls an action now."""
        return tuple(portable(sequence) for sequence in self._actions[name].shortcuts())

    @staticmethod
    def usual_keys(name: str) -> Keys:
        """The keys that an action came with."""
        return tuple(portable(QKeySequence(keys)) for keys in _PLANS[name].keys)

    def set_keys(self, name: str, keys: Keys) -> None:
        """Have other keys call an action. Its tooltip names the first."""
        action, plan = self._actions[name], _PLANS[name]
        action.setShortcuts([QKeySequence(key) for key in keys])
        words = plan.tip or plan.text.rstrip("…")
        if plan.tip or plan.keys:
            action.setToolTip(f"{words} ({native(keys[:1])})" if keys else words)

    def all(self) -> tuple[QAction, ...]:
        """The window's own, then those that only the palette has."""
        return (*self._actions.values(), *self._found_only)

    def set_found_only(self, actions: tuple[QAction, ...]) -> None:
        """Actions that stand in no menu and have no key: the palette finds them."""
        self._found_only = actions

    def _exclusive(self, window: QWidget, names: dict[str, CanvasMode] | dict[str, str]) -> None:
        group = QActionGroup(window)
        for name in names:
            group.addAction(self._actions[name])


def follow_tooltip(action: QAction, widget: QWidget) -> None:
    """Keep a button's tooltip that of its action, which names the key that calls it."""

    def show() -> None:
        widget.setToolTip(action.toolTip())

    action.changed.connect(show)
    show()


def key_rows(actions: Actions) -> tuple[tuple[str, str], ...]:
    """Every key and what it does, for the list that ``?`` shows."""
    rows = []
    for action in actions.all():
        keys = tuple(portable(sequence) for sequence in action.shortcuts())
        if keys:
            rows.append((native(keys), title_of(action)))
    return (*rows, *HELD_KEYS)
