"""The job that renders the pictures of a sheet and lays them out."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from engine.export.sheet_plan import Shown
from engine.export.sheets import PAPER_VALUE, compose_sheet, write_sheet
from engine.export.stills import still_suffix
from engine.imaging import Rgb, shrunk, to_rgb
from engine.job_table import Background, JobSteps, Step
from engine.messages import DrawSheet, SheetDrawn
from engine.pipeline import Pipeline


def draw_sheet(job: DrawSheet, pipeline: Pipeline) -> JobSteps:
    """Every picture afresh, in float32; those that the plan names twice are rendered once.

    Raises:
        EngineError: a picture cannot be made, or the file not be written.
    """
    still_suffix(job.path)  # say that the name is wrong before, not after the work
    plan, total = job.plan, job.plan.count
    drawn: dict[Shown, Rgb] = {}
    begun = time.monotonic()
    for row in plan.cells:
        for cell in row:
            if cell is None or cell in drawn:
                continue
            rendering = pipeline.render_steps(*cell)
            while True:
                left = (time.monotonic() - begun) / len(drawn) * (total - len(drawn)) if drawn else None
                try:
                    synthesis = next(rendering)
                except StopIteration as stop:
                    image = stop.value if not job.cell_px else shrunk(stop.value, job.cell_px)
                    drawn[cell] = to_rgb(image)
                    break
                fraction = (len(drawn) + synthesis.fraction) / total
                yield Step(f"Picture {len(drawn) + 1} of {total}", 0.95 * fraction, remaining_s=left)
    edge = next(iter(drawn.values())).shape[0]
    blank: NDArray[np.uint8] = np.full((edge, edge, 3), PAPER_VALUE, np.uint8)
    pictures = [[blank if cell is None else drawn[cell] for cell in row] for row in plan.cells]

    def write() -> tuple[int, int]:
        sheet = compose_sheet(
            pictures, plan.columns, plan.rows, title=plan.title, cell_px=job.cell_px, from_a_to_b=plan.from_a_to_b
        )
        write_sheet(job.path, sheet)
        return sheet.shape[1], sheet.shape[0]

    size_px = yield Background(write, f"Writing {job.path.name}", may_be_left=False)
    return SheetDrawn(job.path, size_px, total)
