"""The report on the portraits found in a folder: a page for the browser, the same as pictures, and a table.

``report.html``, ``report.png`` (``report-1.png`` and so on, when there are many) and ``report.csv``. For each
portrait the photo's crop, what the model shows, their difference, and how like it is in numbers; what was left out
comes at the end.
"""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from urllib.parse import quote

from engine.atomic import write_atomic
from engine.export.report_page import GAIN, HEADS, draw_page, how_found, name_of, numbers_of
from engine.export.sheets import write_sheet
from engine.found_portraits import CROPS, FoundPortrait, LeftOut, ReportOrder

HTML = "report.html"
TABLE = "report.csv"
ROWS_ON_PAGE = 40
REASONS_ON_PAGE = 60
_PAGE = re.compile(r"report(-\d+)?\.png")
COLUMNS = (
    "photo", "face", "latent", "pixel", "edge", "perceptual", "judged_by", "identity", "model", "steps", "seconds",
    "encoder", "remark", "problem",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """Attributes:
    page: The one to open.
    summary: How like the portraits are, in a sentence or two.
    """

    page: Path
    summary: str


def write_report(
    folder: Path,
    portraits: Sequence[FoundPortrait],
    left_out: Sequence[LeftOut],
    order: ReportOrder = ReportOrder.WORST,
    title: str = "Portraits",
) -> Report:
    """Write the report into the folder of the portraits. One that says the same already is left as it is.

    Raises:
        StorageError: it cannot be written.
    """
    rows = in_order(portraits, order)
    summary = summary_of(rows)
    report = Report(folder / HTML, summary)
    table = _table(rows, left_out).encode()
    chunks = _chunks(rows, left_out)
    pages = ["report.png"] if len(chunks) == 1 else [f"report-{number}.png" for number in range(1, len(chunks) + 1)]
    if _content(folder / TABLE) == table and all((folder / name).is_file() for name in (HTML, *pages)):
        return report
    for old in folder.glob("report*.png"):
        if old.name not in pages and _PAGE.fullmatch(old.name):
            old.unlink(missing_ok=True)
    for number, (name, (some, reasons)) in enumerate(zip(pages, chunks, strict=True), start=1):
        which = f"{title}, page {number} of {len(pages)}" if len(pages) > 1 else title
        write_sheet(folder / name, draw_page(folder, [which, summary, _judged(rows)], some, reasons))
    write_atomic(folder / HTML, _html(title, summary, rows, left_out).encode("utf-8", "replace"))
    write_atomic(folder / TABLE, table)  # the last one: it tells whether the rest is of today
    return report


def in_order(portraits: Sequence[FoundPortrait], order: ReportOrder) -> list[FoundPortrait]:
    """The least like first, or by name."""
    by_name = sorted(portraits, key=lambda one: (one.photo, one.face))
    if order is ReportOrder.NAME:
        return by_name
    return sorted(by_name, key=lambda one: one.likeness.perceptual, reverse=True)


def summary_of(portraits: Sequence[FoundPortrait]) -> str:
    """For example "12 portraits: pixels 4.1 % off and perceptual 0.150 in the median; worst is ..."."""
    if not portraits:
        return "No portrait was found."
    if len(portraits) == 1:
        return f"One portrait: {numbers_of(portraits[0]).replace('   ', ', ')}."
    pixel = statistics.median(one.likeness.pixel for one in portraits)
    perceptual = statistics.median(one.likeness.perceptual for one in portraits)
    worst = max(portraits, key=lambda one: one.likeness.perceptual)
    return (
        f"{len(portraits)} portraits: pixels {100 * pixel:.1f} % off and perceptual {perceptual:.3f} in the median; "
        f"worst is {name_of(worst)}: {100 * worst.likeness.pixel:.1f} % and {worst.likeness.perceptual:.3f}."
    )


def _judged(rows: Sequence[FoundPortrait]) -> str:
    judges = dict.fromkeys(one.likeness.perceptual_name for one in rows)
    return f"Smaller is more alike. Perceptual as judged by: {'; '.join(judges)}." if judges else ""


def _chunks(
    rows: Sequence[FoundPortrait], left_out: Sequence[LeftOut]
) -> list[tuple[Sequence[FoundPortrait], Sequence[LeftOut]]]:
    """What stands on each page: what was left out comes after the last portrait, and goes on where it must."""
    portraits = [rows[start : start + ROWS_ON_PAGE] for start in range(0, len(rows), ROWS_ON_PAGE)] or [[]]
    starts = range(0, len(left_out), REASONS_ON_PAGE)
    reasons = [left_out[start : start + REASONS_ON_PAGE] for start in starts] or [[]]
    return [
        *((some, ()) for some in portraits[:-1]),
        (portraits[-1], reasons[0]),
        *(((), some) for some in reasons[1:]),
    ]


def _table(rows: Sequence[FoundPortrait], left_out: Sequence[LeftOut]) -> str:
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for one in rows:
        like = one.likeness
        identity = "" if like.identity is None else f"{like.identity:.6f}"
        numbers = (f"{like.pixel:.6f}", f"{like.edge:.6f}", f"{like.perceptual:.6f}")
        table.writerow((
            _plain(one.photo), one.face, f"{one.stem}.safetensors", *numbers, like.perceptual_name, identity,
            one.model, one.steps, f"{one.elapsed_s:.3f}", one.encoder, one.remark, "",
        ))  # fmt: skip
    for reason in left_out:
        table.writerow((_plain(reason.photo), *[""] * (len(COLUMNS) - 2), reason.problem))
    return text.getvalue()


def _plain(text: str) -> str:
    """A name that is no text in UTF-8, which Linux allows, as near to it as can be."""
    return text.encode("utf-8", "replace").decode()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


# --- for the browser ------------------------------------------------------------------------------------------------

_STYLE = f"""
:root {{ color-scheme: light dark; --line: #8884; --muted: #777c84; --warn: #a97612; }}
body {{ font: 15px/1.45 system-ui, sans-serif; margin: 24px auto; max-width: 1180px; padding: 0 16px; }}
h1 {{ font-size: 24px; margin: 0 0 4px; }} h2 {{ font-size: 18px; margin: 28px 0 8px; }}
p {{ margin: 2px 0; }} .muted {{ color: var(--muted); }} .warn {{ color: var(--warn); }}
.row, .heads {{ display: grid; grid-template-columns: 192px 192px 192px 1fr; gap: 8px; }}
.heads {{ margin-top: 20px; color: var(--muted); }}
.row {{ padding: 8px 0; border-top: 1px solid var(--line); }}
.row img {{ width: 192px; height: 192px; display: block; }}
.words {{ padding-left: 12px; overflow-wrap: anywhere; }} .words b {{ font-size: 17px; }}
.apart {{ position: relative; width: 192px; height: 192px; isolation: isolate; filter: brightness({GAIN}); }}
.apart img + img {{ position: absolute; inset: 0; mix-blend-mode: difference; }}
li {{ overflow-wrap: anywhere; }}
"""


def _html(title: str, summary: str, rows: Sequence[FoundPortrait], left_out: Sequence[LeftOut]) -> str:
    heads = "".join(f"<span>{word}</span>" for word in HEADS)
    reasons = "".join(f"<li>{escape(one.photo)}: {escape(one.problem)}</li>" for one in left_out)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style></head>',
        f'<body><h1>{escape(title)}</h1><p>{escape(summary)}</p><p class="muted">{escape(_judged(rows))}</p>',
        f'<div class="heads">{heads}</div>' if rows else "",
        *map(_html_row, rows),
        f"<h2>Left out</h2><ul>{reasons}</ul>" if reasons else "",
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _html_row(one: FoundPortrait) -> str:
    crop, picture = quote(f"{CROPS}/{one.stem}.png"), quote(f"{one.stem}.png")
    name = escape(name_of(one))
    photo = f'<img src="{crop}" alt="photo, {name}" loading="lazy">'
    found = f'<img src="{picture}" alt="portrait, {name}" loading="lazy">'
    remark = f'<p class="warn">{escape(one.remark)}</p>' if one.remark else ""
    words = f'<b>{name}</b><p>{escape(numbers_of(one))}</p><p class="muted">{escape(how_found(one))}</p>{remark}'
    apart = f'<div class="apart"><img src="{crop}" alt=""><img src="{picture}" alt=""></div>'
    return f'<div class="row">{photo}{found}{apart}<div class="words">{words}</div></div>'
