"""The process in which a photo is read whole: bounded, and with nothing to lose.

stdin is the open file, ``sys.argv[2]`` how many bytes of samples are welcome. stdout carries one line of JSON, then
the colour profile, the EXIF block and the samples in the sizes that it names, or ``{"error": "...", "hint": "..."}``.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from engine.inversion.decode_child import limit_resources


def main() -> None:
    limit_resources()
    from engine.errors import UnreadableImageError
    from engine.paste.original_decode import decode_original

    out = sys.stdout.buffer
    try:
        header, pieces = decode_original(sys.stdin.buffer, int(sys.argv[2]))
    except UnreadableImageError as error:
        out.write(json.dumps({"error": error.user_message, "hint": error.hint}).encode() + b"\n")
    else:
        out.write(json.dumps(asdict(header)).encode() + b"\n")
        for piece in pieces:
            out.write(piece)
    out.flush()
