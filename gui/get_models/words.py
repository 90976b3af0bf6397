"""How downloads are told."""

from __future__ import annotations

from engine.catalogue import CatalogueEntry
from engine.download import DOWNLOADING, DownloadProgress
from engine.file_size import in_words

NO_CHECKSUM = "none published; the first download is remembered, and later ones are compared with it"


def caption(entry: CatalogueEntry) -> str:
    """What an entry draws, how large, by whom."""
    size = f"{entry.resolution} px" if entry.resolution else ""
    return ", ".join(part for part in (entry.draws, size, entry.family, entry.maker) if part) or entry.url


def progress_words(progress: DownloadProgress) -> str:
    """``120 MB of 364 MB, 4.1 MB/s``, or what else is happening, and how much is here."""
    amount = ""
    if progress.done:
        amount = in_words(progress.done) + (f" of {in_words(progress.total)}" if progress.total else "")
    if progress.text != DOWNLOADING:
        return f"{progress.text}. {amount}".removesuffix(". ").strip()
    speed = f"{in_words(progress.speed)}/s" if progress.speed else ""
    return ", ".join(part for part in (amount, speed) if part) or progress.text


def checksum_words(entry: CatalogueEntry) -> str:
    return f"published: {entry.sha256[:16]}…" if entry.sha256 else NO_CHECKSUM
