"""Opening a model: hashed and parsed from one handle, read in a child, kept in the cache, checked at every turn."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import foreign_networks as foreign
import numpy as np
import pytest
from foreign_networks import generator, snapshot
from hostile_files import GOLDEN, torch_zip
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

from engine.checkpoints import child, convert, quarantine, regular_file
from engine.checkpoints.canonical import check_canonical
from engine.checkpoints.convert import OpenedCheckpoint, open_checkpoint
from engine.checkpoints.reader import read_network
from engine.checkpoints.sandbox import TRIPWIRE_STATUS
from engine.errors import (
    CorruptModelError,
    EngineError,
    ModelError,
    OutOfMemoryError,
    StorageError,
    UnsafeModelError,
    UnsupportedModelError,
)
from engine.network_metadata import METADATA_KEY, NetworkMetadata, SourceFile


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    file = tmp_path / "net.pkl"
    file.write_bytes(snapshot(generator()))
    return file


def without_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "run_quarantine", lambda *_, **__: pytest.fail("the child was started"))


def save_canonical(opened: OpenedCheckpoint, path: Path, **changes: np.ndarray) -> None:
    save_file({**opened.tensors, **changes}, path, {METADATA_KEY: opened.metadata.to_json_text()})


@pytest.mark.parametrize(
    "file", sorted(GOLDEN.glob("sg2ada_64*/net.pkl")) + sorted(GOLDEN.glob("*rosinality*/*.pt")), ids=str
)
def test_that_a_golden_file_arrives_unchanged(file: Path, cache: Path) -> None:
    opened = open_checkpoint(file, cache_dir=cache)
    wanted = read_network(memoryview(file.read_bytes()))
    assert opened.config == wanted.config
    assert opened.metadata.source == SourceFile(wanted.layout, opened.sha256)
    assert opened.warnings == wanted.warnings
    assert opened.tensors.keys() == wanted.tensors.keys()
    theirs = load_file(opened.safetensors_path)  # what others read from our file
    for name, tensor in wanted.tensors.items():
        assert_array_equal(opened.tensors[name], tensor.read())
        assert_array_equal(theirs[name], tensor.read())


def test_that_a_file_is_read_once_and_then_comes_from_the_cache(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_checkpoint(model, cache_dir=cache)
    without_child(monkeypatch)
    again = open_checkpoint(model, cache_dir=cache)
    assert (again.sha256, again.metadata, again.safetensors_path) == (
        first.sha256,
        first.metadata,
        first.safetensors_path,
    )
    assert first.safetensors_path.name == f"{first.sha256}.safetensors"
    assert first.safetensors_path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "receipt gone", "receipt nonsense", "older converter"])
def test_that_a_damaged_cache_entry_is_made_anew(model: Path, cache: Path, damage: str) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    target, receipt = opened.safetensors_path, cache / f"{opened.sha256}.json"
    good = target.read_bytes()
    if damage == "flip":
        target.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif damage == "cut":
        target.write_bytes(good[:-8])
    elif damage == "gone":
        target.unlink()
    elif damage == "receipt gone":
        receipt.unlink()
    elif damage == "receipt nonsense":
        receipt.write_bytes(b"\xff\x00")
    else:
        receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "converter": 0}))
    assert open_checkpoint(model, cache_dir=cache).safetensors_path.read_bytes() == good


def test_that_a_file_of_the_cache_is_not_cached_again(model: Path, cache: Path) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    before = sorted(path.name for path in cache.iterdir())
    again = open_checkpoint(opened.safetensors_path, cache_dir=cache)
    assert (again.sha256, again.safetensors_path) == (opened.sha256, opened.safetensors_path)
    assert sorted(path.name for path in cache.iterdir()) == before


def test_that_grafts_own_file_needs_no_child_and_keeps_its_lineage(
    model: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    metadata = NetworkMetadata(opened.config, SourceFile("graft"), ({"blend": [1, 2]},), ("a warning",))
    saved = tmp_path / "saved.safetensors"
    save_file(opened.tensors, saved, {METADATA_KEY: metadata.to_json_text(), "format": "pt"})
    without_child(monkeypatch)
    again = open_checkpoint(saved, cache_dir=cache)
    assert again.metadata == metadata
    assert again.tensors.keys() == opened.tensors.keys()
    assert again.sha256 != opened.sha256


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("mapping.w_avg", np.full(5, np.nan, np.float32), "finite"),
        ("mapping.w_avg", np.zeros(6, np.float32), r"shape \[6\]"),
        ("mapping.w_avg", np.zeros(5, np.float64), "float64"),
        ("extra", np.zeros(5, np.float32), "no place"),
    ],
)
def test_that_grafts_own_file_is_checked_as_strictly(
    model: Path, cache: Path, tmp_path: Path, name: str, value: np.ndarray, message: str
) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    saved = tmp_path / "saved.safetensors"
    save_canonical(opened, saved, **{name: value})
    with pytest.raises(ModelError, match=message):
        open_checkpoint(saved, cache_dir=cache)


def test_that_the_cached_file_can_be_saved_over_while_it_is_open(model: Path, cache: Path) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    tensors = opened.tensors
    before = {name: tensor.copy() for name, tensor in tensors.items()}
    opened.safetensors_path.write_bytes(b"")  # tensors are copies, not views of the file
    for name, tensor in before.items():
        assert_array_equal(tensors[name], tensor)


# --- what is no file --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["/dev/zero", "/dev/null", "/proc/self/mem"])
@pytest.mark.skipif(sys.platform != "linux", reason="names of Linux")
def test_that_devices_are_refused_without_reading(what: str, cache: Path) -> None:
    with pytest.raises(ModelError):
        open_checkpoint(what, cache_dir=cache)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_that_a_pipe_is_refused_without_waiting(tmp_path: Path, cache: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    begin = time.perf_counter()
    with pytest.raises(ModelError, match="pipe"):
        open_checkpoint(tmp_path / "pipe", cache_dir=cache)
    assert time.perf_counter() - begin < 2


def test_that_folders_missing_and_empty_files_are_told_apart(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty.pkl").write_bytes(b"")
    for path, message in {
        tmp_path: "folder",
        tmp_path / "none.pkl": "not there",
        tmp_path / "empty.pkl": "empty",
        tmp_path / "a\0b": "no file can have this name",
        tmp_path / ("x" * 300): "cannot be read",
    }.items():
        with pytest.raises(ModelError, match=message):
            open_checkpoint(path, cache_dir=cache)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_that_links_are_followed_to_files_and_to_nothing_else(model: Path, tmp_path: Path, cache: Path) -> None:
    for name, target in {
        "good": model,
        "dangling": tmp_path / "none",
        "loop": tmp_path / "loop",
        "zero": Path("/dev/zero"),
    }.items():
        (tmp_path / name).symlink_to(target)
    assert open_checkpoint(tmp_path / "good", cache_dir=cache).config.img_resolution == 8
    for name in ("dangling", "loop", "zero"):
        with pytest.raises(ModelError):
            open_checkpoint(tmp_path / name, cache_dir=cache)


def test_that_a_file_without_permission_is_told(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(regular_file.os, "open", refuse)
    with pytest.raises(ModelError, match="no permission"):
        open_checkpoint(model, cache_dir=cache)


@pytest.mark.skipif(sys.platform == "win32", reason="sparse files differ")
def test_that_a_huge_sparse_file_is_refused_by_its_size_or_start(tmp_path: Path, cache: Path) -> None:
    for size in (1 << 40, 1 << 33):
        with (tmp_path / "sparse").open("wb") as file:
            file.truncate(size)
        begin = time.perf_counter()
        with pytest.raises(ModelError, match=r"GiB|zeros"):
            open_checkpoint(tmp_path / "sparse", cache_dir=cache)
        assert time.perf_counter() - begin < 2


def test_that_names_of_files_are_shown_without_their_tricks(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        open_checkpoint(tmp_path / "a\u202egnp.\x1b[31mlkp", cache_dir=cache)
    assert caught.value.user_message.startswith("a?gnp.?[31mlkp ")


# --- files that change -------------------------------------------------------------------------------------------


def test_that_what_was_hashed_is_what_is_parsed_when_the_name_is_swapped(
    model: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.write_bytes(torch_zip(foreign.rosinality_state()))
    real, hashed = convert._hash, []

    def hash_then_swap(file: object) -> str:
        digest = real(file)  # type: ignore[arg-type]
        if not hashed:
            os.replace(other, model)
        hashed.append(digest)
        return digest

    monkeypatch.setattr(convert, "_hash", hash_then_swap)
    opened = open_checkpoint(model, cache_dir=cache)
    assert opened.sha256 == hashed[0]
    assert opened.metadata.source.layout == "stylegan2-ada-pytorch"


def test_that_a_file_changed_in_place_is_noticed_and_not_kept(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = convert.run_quarantine

    def change_then_run(*args: object, **kwargs: object) -> None:
        real(*args, **kwargs)  # type: ignore[arg-type]
        with model.open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(convert, "run_quarantine", change_then_run)
    with pytest.raises(CorruptModelError, match="changed"):
        open_checkpoint(model, cache_dir=cache)
    assert list(cache.iterdir()) == []


# --- the child ---------------------------------------------------------------------------------------------------


def run_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put another program in the place of the quarantine process."""
    real = subprocess.Popen

    def start(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        return real([sys.executable, "-c", code], **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(child.subprocess, "Popen", start)


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("import time; time.sleep(60)", CorruptModelError, "longer than 0.5 seconds"),
        (f"import os; os._exit({TRIPWIRE_STATUS})", UnsafeModelError, "run something"),
        ("import os; os.abort()", CorruptModelError, "crash"),
        ("import os; os.kill(os.getpid(), 9)", CorruptModelError, "more time or memory"),
        ("import os; os.kill(os.getpid(), 7)", CorruptModelError, "cut short"),
        ("raise SystemExit(1)", ModelError, "did not start"),
        ("pass", CorruptModelError, "no sensible answer"),
        ("import os; os.write(2, b'x' * 100_000)", CorruptModelError, "no sensible answer"),
        ("import os; os.write(2, b'[1]')", CorruptModelError, "no sensible answer"),
        ('import os; os.write(2, b\'{"error": "SystemExit", "message": "x"}\')', CorruptModelError, "no sensible"),
        ('import os; os.write(2, b\'{"error": "StorageError", "message": "Full."}\')', StorageError, "Full"),
        ('import os; os.write(2, b\'{"error": "OutOfMemoryError", "message": "m."}\')', OutOfMemoryError, "m."),
        ("import os; os.write(2, b'{\"ok\": true}')", CorruptModelError, "incomplete"),
        ("import os; os.write(2, b'{\"ok\": true}'); os.write(1, b'{' * 100)", CorruptModelError, "header"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_that_any_end_of_the_child_is_told(
    code: str, kind: type[EngineError], message: str, model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_instead(monkeypatch, code)
    timeout_s = 0.5 if "sleep" in code else 60.0
    with pytest.raises(kind, match=message):
        open_checkpoint(model, cache_dir=cache, timeout_s=timeout_s)
    assert list(cache.iterdir()) == []


def test_that_a_child_that_cannot_start_is_told(model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child.sys, "executable", str(model))
    with pytest.raises(EngineError, match=r"could not start|did not start"):
        open_checkpoint(model, cache_dir=cache)


def test_that_the_child_is_given_no_secrets_and_loads_no_torch(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/nonexistent")
    environment = child._environment()
    assert "secret" not in environment.values()
    assert "PYTHONSTARTUP" not in environment
    code = (
        "import engine.checkpoints.reader, engine.checkpoints.quarantine, sys;"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in ('torch', 'PySide6', 'platformdirs', 'psutil')))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-s", "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_that_modules_in_the_current_folder_or_beside_the_model_are_not_imported(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("numpy", "json", "engine", "sitecustomize", "mmap"):
        (model.parent / f"{name}.py").write_text("raise SystemExit('hijacked')")
    monkeypatch.chdir(model.parent)
    assert open_checkpoint(model.name, cache_dir=cache).config.img_resolution == 8


@pytest.mark.parametrize(
    "attempt",
    [
        "import wave", "exec('1')", "compile('1', 'x', 'eval')", "open('/etc/passwd')", "os.system('true')",
        "socket.socket()", "__import__('subprocess').Popen(['true'])", "os.fork()",
        "pickle.loads(b'cos\\nsystem\\n.')",
        "ctypes.CDLL(None)",
    ],
)  # fmt: skip
@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
def test_that_the_tripwire_ends_the_child_whatever_is_tried(attempt: str) -> None:
    setup = "import ctypes, os, pickle, socket; from engine.checkpoints import sandbox; sandbox.arm_tripwire();"
    done = subprocess.run(
        [sys.executable, "-P", "-s", "-c", f"{setup} {attempt}; print('reached')"],
        env=child._environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == TRIPWIRE_STATUS
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (MemoryError(), "OutOfMemoryError"),
        (ImportError("numpy"), "ModelError"),
        (OSError(errno.ENOSPC, "No space left on device"), "StorageError"),
        (RecursionError(), "CorruptModelError"),
        (TypeError("secret details"), "CorruptModelError"),
        (UnsafeModelError("No.", "Hint."), "UnsafeModelError"),
    ],
)
def test_that_any_failure_in_the_child_is_reported(
    failure: Exception, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: str) -> None:
        raise failure

    monkeypatch.setattr(quarantine, "_convert", fail)
    report = quarantine._run("0" * 64)
    assert report["error"] == kind
    assert "secret" not in str(report)
    with pytest.raises(EngineError) as caught:
        child._raise_reported(json.dumps(report).encode())
    assert type(caught.value).__name__ == kind


# --- the cache ---------------------------------------------------------------------------------------------------


def test_that_a_cache_that_cannot_be_written_is_told(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        open_checkpoint(model, cache_dir=tmp_path / "file" / "cache")


def test_that_the_users_cache_is_used_by_default(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    opened = open_checkpoint(str(model))
    assert opened.safetensors_path.is_relative_to(tmp_path / "home")


def test_that_a_vanished_cache_file_is_told(model: Path, cache: Path) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    opened.safetensors_path.unlink()
    with pytest.raises(ModelError, match="gone"):
        _ = opened.tensors


def test_that_the_conversion_of_a_file_is_always_the_same(model: Path, tmp_path: Path) -> None:
    first = open_checkpoint(model, cache_dir=tmp_path / "one").safetensors_path.read_bytes()
    assert open_checkpoint(model, cache_dir=tmp_path / "two").safetensors_path.read_bytes() == first


def test_that_the_result_of_the_child_is_checked_before_it_is_kept(
    model: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_nonsense(file: object, out: object, **_: object) -> None:
        out.write(b"\x02\0\0\0\0\0\0\0{}")  # type: ignore[attr-defined]
        out.flush()  # type: ignore[attr-defined]

    monkeypatch.setattr(convert, "run_quarantine", write_nonsense)
    with pytest.raises(UnsupportedModelError):
        open_checkpoint(model, cache_dir=cache)
    assert list(cache.iterdir()) == []


def test_that_check_canonical_reads_a_whole_file(model: Path, cache: Path) -> None:
    opened = open_checkpoint(model, cache_dir=cache)
    with opened.safetensors_path.open("rb") as file:
        assert check_canonical(file, finite=True).metadata == opened.metadata
