"""What the shelf is narrowed down to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.library_search import matches
from engine.library_tags import Kind


@dataclass(frozen=True, slots=True)
class ShelfFilter:
    """Attributes:
    query: Words that a thing must have.
    kind: The only kind that is shown; None shows all.
    tag: A tag that a thing must have; empty for none.
    """

    query: str = ""
    kind: Kind | None = None
    tag: str = ""

    @property
    def is_on(self) -> bool:
        return bool(self.query.strip() or self.kind or self.tag)

    def takes(self, kind: Kind, words: Iterable[str], tags: tuple[str, ...] = ()) -> bool:
        """Whether a thing is shown.

        Args:
            words: Its name and what else may be searched for.
        """
        return (
            self.kind in (None, kind)
            and (not self.tag or self.tag in tags)
            and matches(self.query, " ".join((*words, *tags)).lower(), tags)
        )
