"""The process in which a stranger's picture is decoded: bounded, and with nothing to lose.

stdin is the open picture file. stdout carries one line of JSON, then, if there was no error, the pixels:
``{"width": 640, "height": 480, "notes": [...]}`` and ``height * width * 3`` bytes of RGB, or
``{"error": "...", "hint": "..."}``.
"""

from __future__ import annotations

import json
import sys

MAX_MEMORY_BYTES = 4 * 2**30
MAX_CPU_S = 60


def main() -> None:
    limit_resources()
    from engine.errors import UnreadableImageError
    from engine.inversion.decode import decode

    out = sys.stdout.buffer
    try:
        picture = decode(sys.stdin.buffer)
    except UnreadableImageError as error:
        answer: dict[str, object] = {"error": error.user_message, "hint": error.hint}
        out.write(json.dumps(answer).encode() + b"\n")
    else:
        height, width, _ = picture.pixels.shape
        answer = {"width": width, "height": height, "notes": picture.notes}
        out.write(json.dumps(answer).encode() + b"\n")
        out.write(picture.pixels.data)
    out.flush()


def limit_resources() -> None:
    if sys.platform == "win32":
        return  # the parent's clock is the only limit there
    import resource

    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CPU: MAX_CPU_S}
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = MAX_MEMORY_BYTES
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (allowed, allowed))
