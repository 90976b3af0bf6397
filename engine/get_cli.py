"""The verb ``get``: published checkpoints, downloaded and put into the library. Torch is imported at the end."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.catalogue import CatalogueEntry, check_link, find_entry, name_of_link, own_entry, read_catalogue
from engine.console import Progress, note
from engine.download import Download, DownloadOrder, DownloadProgress, Fetched
from engine.errors import ChangedDownloadError, DownloadError
from engine.fetched_model import fetched_note
from engine.file_size import in_words
from engine.library import Library
from engine.library_links import LinkTable
from engine.library_records import Link
from engine.places import Places, user_places


def get(
    what: Annotated[
        str | None, typer.Argument(metavar="NAME|URL", help="An id or name from --list, or a web address.")
    ] = None,
    sha256: Annotated[str, typer.Option(metavar="HEX", help="What the file must have, for an address.")] = "",
    show_list: Annotated[bool, typer.Option("--list", help="List what there is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --list: print JSON for programs.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the licence, which is told without this.")
    ] = False,
    accept_changed: Annotated[
        bool, typer.Option("--accept-changed", help="Take a file that is another than at the first download.")
    ] = False,
) -> None:
    """Download a published model into your library.

    The licence comes first; --accept-licence says that you have read it. A download that was cut goes on where it
    ended when the same command is given again.

    \b
    Examples:
      python main.py get --list
      python main.py get ffhq-256 --accept-licence
      python main.py get https://example.org/my.pkl --sha256 9f86d08…
    """
    places = user_places().make()
    with closing(Library(places.library_file)) as library:
        links = LinkTable(library.file)
        entries = (*(own_entry(link) for link in links.all()), *read_catalogue())
        if show_list or what is None:
            _print_list(entries, as_json)
            return
        entry = find_entry(what, entries)
        if entry is None and "://" not in what:
            raise DownloadError(f"There is no “{what:.60}” in the catalogue.", "`get --list` shows what there is.")
        if entry is None or (sha256 and entry.is_own):
            address, digest = check_link(what if entry is None else entry.url, sha256)
            entry = own_entry(Link(address, name_of_link(address), digest))
        _check_licence(entry, accept)
        first = None if accept_changed else links.fetched_sha256(entry.url)
        fetched = _fetch(entry, places, first)
        links.note_fetched(entry.url, fetched.sha256, fetched.size)
        if entry.is_own:
            links.add(entry.url, entry.name, entry.sha256)
    typer.echo(f"Wrote {fetched.path} ({in_words(fetched.size)}, SHA-256 {fetched.sha256})")
    _shelve(entry, fetched, places)


def _print_list(entries: tuple[CatalogueEntry, ...], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_row(entry) for entry in entries], indent=2))
        return
    width = max((len(entry.id) for entry in entries if not entry.is_own), default=0)
    for entry in entries:
        parts = [entry.name, entry.draws, f"{entry.resolution} px" if entry.resolution else "", entry.family]
        line = ", ".join(part for part in parts if part)
        lacking = "" if entry.readable else " (this Graft does not run it yet)"
        typer.echo(f"{entry.id:<{width}}  {line}{lacking}")


def _row(entry: CatalogueEntry) -> dict[str, Any]:
    licence = {"name": entry.licence.name, "url": entry.licence.url} if entry.licence else None
    return {
        "id": entry.id,
        "name": entry.name,
        "url": entry.url,
        "maker": entry.maker,
        "licence": licence,
        "draws": entry.draws,
        "resolution": entry.resolution or None,
        "framing": entry.framing,
        "family": entry.family,
        "sha256": entry.sha256,
        "readable": entry.readable,
        "own": entry.is_own,
    }


def _check_licence(entry: CatalogueEntry, accepted: bool) -> None:
    if entry.licence is None:
        return
    if accepted:
        note(f"licence: {entry.licence.name}, {entry.licence.url}")
        return
    raise DownloadError(
        f"{entry.name} is by {entry.maker}: {entry.licence.name}. {entry.licence.gist} {entry.licence.url}",
        "Read it, then add --accept-licence.",
    )


def _fetch(entry: CatalogueEntry, places: Places, first_sha256: str | None) -> Fetched:
    progress = Progress()

    def report(now: DownloadProgress) -> None:
        speed = f", {in_words(now.speed)}/s" if now.speed else ""
        progress(f"{now.text} {in_words(now.done)}{speed}", now.fraction)

    order = DownloadOrder(entry.url, places.downloads_folder, entry.name, entry.sha256, first_sha256)
    try:
        return Download(order, report).run()
    except ChangedDownloadError as error:
        raise ChangedDownloadError(error.user_message, f"{error.hint} --accept-changed does.") from error
    finally:
        progress.done()


def _shelve(entry: CatalogueEntry, fetched: Fetched, places: Places) -> None:
    """Through the loader for strangers' files, as if it had been dropped on the window."""
    if not entry.readable:
        note("this Graft does not run models of this kind yet; the file is kept.")
        return
    from engine.headless import open_headless

    with open_headless("cpu", places=places) as engine:
        model = engine.model(str(Path(fetched.path)))
        engine.library.add_to_note(model.sha256, fetched_note(entry))
        for text in engine.notes:
            note(text)
    typer.echo(f"{model.name} is in the library ({model.sha256[:12]})")
