"""Any exception as an EngineError: what a person is shown, whatever went wrong."""

from __future__ import annotations

import logging

from engine.errors import EngineError, OutOfMemoryError

log = logging.getLogger(__name__)

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


def as_engine_error(error: BaseException, doing: str) -> EngineError:
    """An EngineError as it is; memory that ran out as OutOfMemoryError; a bug as a plain sentence, and in the log.

    What comes back has no traceback: through its frames, an error in a window would keep every tensor of the failed
    render alive.

    Args:
        doing: What was being done, as "while {doing}".
    """
    if isinstance(error, EngineError):
        error.__traceback__ = error.__cause__ = error.__context__ = None
        return error
    if _is_out_of_memory(error):
        log.warning("Out of memory while %s: %s", doing, error)
        hint = "Close other programs, use a smaller model, or restart Graft."
        return OutOfMemoryError(f"There was not enough memory while {doing}.", hint)
    log.error("Unexpected failure while %s", doing, exc_info=error)
    hint = "Graft goes on. The log has the details; please report it."
    return EngineError(f"Something went wrong in Graft while {doing} ({type(error).__name__}).", hint)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    # torch's own class is a RuntimeError, and its CPU allocator raises a bare one: its words are all there is.
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _OUT_OF_MEMORY)
