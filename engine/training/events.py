"""What a run tells whoever started it: defined in `engine.training_events`, which the window may import."""

from engine.training_events import (
    CheckpointSaved,
    Event,
    Finished,
    Measured,
    Notice,
    Paused,
    Progress,
    SheetSaved,
    Started,
    to_json_line,
)

__all__ = [
    "CheckpointSaved",
    "Event",
    "Finished",
    "Measured",
    "Notice",
    "Paused",
    "Progress",
    "SheetSaved",
    "Started",
    "to_json_line",
]
