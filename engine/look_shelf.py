"""The looks there are: the user's own and those that come with Graft, with their models found in the library."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from engine.errors import MissingModelError, RecipeError, printable
from engine.library_records import LookRecord, ModelRecord
from engine.look import Look, with_known_models
from engine.state import ModelRef


@dataclass(frozen=True, slots=True)
class ShelfLook:
    """A look on the shelf.

    Attributes:
        key: Stays the same while the look is there.
        look: Its models are those of this library, where they are known.
        missing: Models that it needs and that are not here.
        id: Of the user's own, in the library; None for one that comes with Graft.
    """

    key: str
    look: Look
    missing: tuple[ModelRef, ...] = ()
    id: int | None = None


def shelf_looks(
    own: Iterable[LookRecord], samples: Mapping[str, Look], models: Iterable[ModelRecord]
) -> tuple[ShelfLook, ...]:
    """The user's own looks, in their order, then the samples.

    Args:
        samples: Those that come with Graft, by a name that stays.
    """
    records = tuple(models)
    known = {record.ref.sha256: record.ref for record in records}
    came_along = [record for record in records if record.embedded]
    embedded = {record.path.stem: record.ref for record in came_along}  # the file's name, should it be renamed
    embedded |= {record.ref.name: record.ref for record in came_along}

    def at_home(one: ShelfLook) -> ShelfLook:
        look = with_known_models(one.look, known, embedded)
        return replace(one, look=look, missing=tuple(ref for ref in look.models if ref.sha256 not in known))

    kept = [ShelfLook(saved_key(record.id), record.look, id=record.id) for record in own]
    came = [ShelfLook(f"sample-{key}", look) for key, look in samples.items()]
    return tuple(at_home(one) for one in (*kept, *came))


def saved_key(look_id: int) -> str:
    return f"saved-{look_id}"


def find_look(text: str, looks: Iterable[ShelfLook]) -> ShelfLook:
    """The look of a name, in small or capital letters; the user's own comes first.

    Raises:
        RecipeError: there is none.
    """
    there = tuple(looks)
    wanted = " ".join(text.split()).lower()
    for one in there:
        if one.look.name.lower() == wanted:
            return one
    names = ", ".join(printable(one.look.name, 30) for one in there[:12]) or "none yet"
    hint = f"There are: {names}. A path to a .look.json file works too."
    raise RecipeError(f"There is no look “{text:.60}”.", hint)


def needs(one: ShelfLook) -> str:
    """In a sentence, what a look with missing models lacks."""
    names = " and ".join(f"“{printable(ref.name, 40)}”" for ref in one.missing)
    models, are = ("models", "are") if len(one.missing) > 1 else ("model", "is")
    return f"{printable(one.look.name, 60)} needs the {models} {names}, which {are} not here."


def lacks_embedded(one: ShelfLook) -> bool:
    """Whether what is missing first is a model that comes with Graft: there is no file to look for."""
    return bool(one.missing) and one.missing[0].name in one.look.embedded


def missing_model(one: ShelfLook) -> MissingModelError:
    """The error to raise for a look that lacks a model."""
    ref = one.missing[0]
    hint = "It is one of the models that come with Graft, and this copy lacks it."
    if not lacks_embedded(one):
        hint = "Add its file to the library first."
    return MissingModelError(needs(one), hint, sha256=ref.sha256, name=ref.name)
