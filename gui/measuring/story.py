"""What is known of a measurement so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.measure_events import (
    CopiesChecked,
    MeasureEvent,
    MeasureFinished,
    MeasureNotice,
    MeasureProgress,
    MeasureStarted,
    MetricMeasured,
)


@dataclass
class MeasureStory:
    """Attributes:
    progress: Of the task at work; None between two tasks.
    """

    started: MeasureStarted | None = None
    notices: list[str] = field(default_factory=list)
    progress: MeasureProgress | None = None
    metrics: dict[str, MetricMeasured] = field(default_factory=dict)
    copies: CopiesChecked | None = None
    finished: MeasureFinished | None = None

    def take(self, event: MeasureEvent) -> None:
        match event:
            case MeasureStarted():
                self.started = event
            case MeasureNotice():
                self.notices.append(event.text)
            case MeasureProgress():
                self.progress = event
            case MetricMeasured():
                self.metrics[event.metric] = event
            case CopiesChecked():
                self.copies = event
            case MeasureFinished():
                self.finished, self.progress = event, None
