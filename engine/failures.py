"""Any exception as an EngineError: what a person is shown, whatever went wrong."""

from __future__ import annotations

import logging

from engine.errors import DeviceLostError, EngineError, OutOfMemoryError

log = logging.getLogger(__name__)

_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "not enough memory",
    "alloc_failed",
)

# After these a process gets nothing out of the device any more, or, worse, wrong pictures.
# Source: https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__TYPES.html, cudaError.
_DEVICE_LOST = (
    "illegal memory access",
    "illegal instruction",
    "misaligned address",
    "invalid program counter",
    "invalid device context",
    "hardware stack error",
    "unspecified launch failure",
    "launch timed out",
    "device-side assert",
    "uncorrectable",
    "devices unavailable",
    "busy or unavailable",
    "cuda error: unknown error",
    "command buffer exited with error",
)


def as_engine_error(error: BaseException, doing: str) -> EngineError:
    """An EngineError as it is; memory that ran out and a device that is gone as such; a bug as a plain sentence.

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
    if _says(error, _DEVICE_LOST):
        log.error("Device lost while %s: %s", doing, error)
        hint = "Restart Graft. If it happens again, start it with GRAFT_DEVICE=cpu in the environment."
        return DeviceLostError(f"The graphics card stopped answering while {doing}.", hint)
    log.error("Unexpected failure while %s", doing, exc_info=error)
    hint = "Graft goes on. The log has the details; please report it."
    return EngineError(f"Something went wrong in Graft while {doing} ({type(error).__name__}).", hint)


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or _says(error, _OUT_OF_MEMORY)


def _says(error: BaseException, phrases: tuple[str, ...]) -> bool:
    # torch's own classes are RuntimeErrors, and many of its errors have none: their words are all there is.
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(phrase in text for phrase in phrases)
