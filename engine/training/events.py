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
]
