"""Everything in the library in one list, to be searched and sorted out. Reads from disk: for a thread of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.library import Library
from engine.library_directions import DirectionTable
from engine.library_records import DirectionRecord, LatentRecord, LookRecord, ModelRecord
from engine.library_tags import Kind, TagTable
from engine.lineage import origin_line


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing in the library.

    Attributes:
        key: With `kind`, what it is known by.
        caption: A few words under its name.
        text: What a search looks through, in small letters.
        is_fixed: It came with Graft and cannot be thrown away.
        detail: What there is to say beyond that, as a sentence.
    """

    kind: Kind
    key: str
    name: str
    caption: str = ""
    text: str = ""
    tags: tuple[str, ...] = ()
    is_trashed: bool = False
    is_fixed: bool = False
    detail: str = ""

    @property
    def id(self) -> tuple[Kind, str]:
        return self.kind, self.key


def read_entries(library: Library) -> tuple[Entry, ...]:
    """Models, portraits, looks and directions, also those in the trash.

    Raises:
        StorageError: the library cannot be read.
    """
    tags = TagTable(library.file).all()
    models, trashed_models = library.models(), library.trashed_models()
    directions = DirectionTable(library.file)
    return (
        *(model_entry(one, models, tags) for one in models),
        *(_portrait(one, tags) for one in library.latents()),
        *(_look(one, tags) for one in library.looks()),
        *(_direction(one, tags) for one in directions.kept()),
        *(model_entry(one, models, tags, trashed=True) for one in trashed_models),
        *(_portrait(one, tags, trashed=True) for one in library.trashed_latents()),
        *(_look(one, tags, trashed=True) for one in library.trashed_looks()),
        *(_direction(one, tags, trashed=True) for one in directions.in_trash()),
    )


Tags = Mapping[tuple[Kind, str], tuple[str, ...]]


def model_entry(record: ModelRecord, shelf: Sequence[ModelRecord], tags: Tags, *, trashed: bool = False) -> Entry:
    sha256, descriptor = record.ref.sha256, record.descriptor
    size = f"{descriptor.img_resolution} px"
    origin = "built in" if record.embedded else descriptor.family
    mine = tags.get((Kind.MODEL, sha256), ())
    licence = str(record.note.get("licence", ""))
    line = origin_line(record, shelf)
    words = (record.ref.name, *mine, descriptor.family, size, str(descriptor.img_resolution), licence, origin, line)
    return Entry(
        Kind.MODEL, sha256, record.ref.name, f"{size}, {line or origin}", _text(words), mine, trashed, record.embedded
    )


def _portrait(record: LatentRecord, tags: Tags, *, trashed: bool = False) -> Entry:
    key, name = record.latent.key, record.latent.name
    mine = tags.get((Kind.PORTRAIT, key), ())
    found_in = f"found in {record.model.name}" if record.model else "portrait"
    text = _text((name, *mine, found_in, "portrait"))
    like = record.likeness
    where = f", {record.model.name}" if record.model else ""
    caption = found_in if like is None else f"{100 * like.pixel:.1f} % off{where}"
    detail = "" if like is None else like.sentence
    return Entry(Kind.PORTRAIT, key, name, caption, text, mine, trashed, detail=detail)


def _look(record: LookRecord, tags: Tags, *, trashed: bool = False) -> Entry:
    key, look = str(record.id), record.look
    mine = tags.get((Kind.LOOK, key), ())
    caption = " x ".join(ref.name for ref in look.models) or "look"
    return Entry(Kind.LOOK, key, look.name, caption, _text((look.name, *mine, caption, "look")), mine, trashed)


def _direction(record: DirectionRecord, tags: Tags, *, trashed: bool = False) -> Entry:
    mine = tags.get((Kind.DIRECTION, record.key), ())
    caption = f"{record.source}, {record.model.name}" if record.model else record.source
    words = (record.name, *mine, caption, "direction")
    return Entry(Kind.DIRECTION, record.key, record.name, caption, _text(words), mine, trashed)


def _text(words: Iterable[str]) -> str:
    return " ".join(word for word in words if word).lower()


def search(
    entries: Iterable[Entry],
    query: str = "",
    *,
    kinds: Collection[Kind] = (),
    tags: Collection[str] = (),
    trashed: bool = False,
) -> tuple[Entry, ...]:
    """The entries that have every word of a query somewhere: in name, tag, family, resolution, licence, lineage.

    Args:
        query: Words; one that begins with ``#`` must begin a tag.
        kinds: Only these; none means all.
        tags: All of these.
        trashed: Look through the trash instead.
    """
    return tuple(
        one
        for one in entries
        if one.is_trashed == trashed
        and (not kinds or one.kind in kinds)
        and all(tag in one.tags for tag in tags)
        and matches(query, one.text, one.tags)
    )


def matches(query: str, text: str, tags: Sequence[str] = ()) -> bool:
    """Whether `text`, in small letters, has every word of a query."""
    return all(
        any(tag.startswith(word[1:]) for tag in tags) if word.startswith("#") else word in text
        for word in query.lower().split()
    )
