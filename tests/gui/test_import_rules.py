from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# None in sys.modules makes the import fail, as if it were not installed.
PROGRAM = """
import importlib, sys
from pathlib import Path
sys.modules["torch"] = None
for path in sorted(Path("gui").rglob("*.py")):
    parts = path.with_suffix("").parts
    importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
assert "pyqtgraph" not in sys.modules
assert "qtawesome" not in sys.modules
print("done")
"""


def test_that_the_whole_window_can_be_imported_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "done"


# What is opened later, or is used by the engine only, is imported then: it would delay the first paint.
LATER = (
    "av", "gui.align_view", "gui.animate", "gui.export_dialog", "gui.help_dialogs", "gui.measuring", "gui.training",
    "engine.download", "gui.get_models.flow", "gui.library_window.window",
    "cv2", "importlib.metadata", "PIL", "psutil", "torch", "typer",
)


def test_that_the_first_paint_waits_for_no_other_imports() -> None:
    program = f"import sys, gui.app; print([name for name in {LATER} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
