"""The process that reads a stranger's file: ``python -P -m engine.checkpoints.quarantine``.

Standard input is the file (never reopened), standard output an empty file for the result in Graft's open format,
standard error an empty file for a report of one JSON object: ``{"ok": true}``, or ``error``, ``message``, ``hint``.
It knows numpy and no torch, and has given up all it can before it looks at the first byte.
"""

from __future__ import annotations

import json
import os
import sys

from engine.checkpoints import sandbox


def main(arguments: list[str]) -> None:
    what, sha256 = arguments[:2]
    memory_bytes, cpu_s, output_bytes = (int(argument) for argument in arguments[2:5])
    report = os.dup(2)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    sandbox.limit_resources(memory_bytes, cpu_s, output_bytes)
    sandbox.cut_network()
    os.write(report, json.dumps(_run(sha256, what)).encode())
    os._exit(0)  # nothing is left to clean up, and cleaning up may import


def _run(sha256: str, what: str = "network") -> dict[str, object]:
    from engine.errors import CorruptModelError, EngineError

    try:
        _convert(sha256, what)
    except EngineError as error:
        return {"error": type(error).__name__, "message": error.user_message, "hint": error.hint}
    except MemoryError:
        return {
            "error": "OutOfMemoryError",
            "message": "The model needs more memory than there is for reading it.",
            "hint": "Close other programs, or convert it on a larger machine.",
        }
    except ImportError:
        return {"error": "ModelError", "message": "The safe reader for model files did not start: a part is missing."}
    except OSError as error:
        return {"error": "StorageError", "message": f"The converted model could not be written: {error.strerror}."}
    except Exception as error:  # noqa: BLE001 - the last line: whatever a file provokes, the user gets a sentence
        kind = CorruptModelError.__name__
        return {"error": kind, "message": f"The file is malformed in an unforeseen way ({type(error).__name__})."}
    return {"ok": True}


def _convert(sha256: str, what: str) -> None:
    # Imported only now, under the limits.
    import mmap

    import numpy as np

    from engine.checkpoints.reader import read_encoder, read_network
    from engine.checkpoints.safetensors_file import write_safetensors
    from engine.network_metadata import METADATA_KEY, NetworkMetadata, SourceFile
    from engine.published_encoder import METADATA_KEY as ENCODER_KEY
    from engine.published_encoder import PublishedMetadata

    np.random.RandomState(0).standard_normal()  # numpy imports parts of itself on first use
    mapped = mmap.mmap(0, 0, access=mmap.ACCESS_READ)
    out = os.fdopen(1, "wb", closefd=False)
    sandbox.arm_tripwire()
    if what in ("encoder", "encoder-note"):
        encoder = read_encoder(memoryview(mapped))
        tensors = encoder.tensors if what == "encoder" else {}
        note = {ENCODER_KEY: PublishedMetadata(encoder.sizes, sha256, encoder.dataset).to_json_text()}
    else:
        network = read_network(memoryview(mapped))
        tensors = network.tensors
        source = SourceFile(network.layout, sha256)
        note = {METADATA_KEY: NetworkMetadata(network.config, source, (), network.warnings).to_json_text()}
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    values = (tensor.read().reshape(-1).data.cast("B") for tensor in tensors.values())
    write_safetensors(out, shapes, values, note)
    out.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
