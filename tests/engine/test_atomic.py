from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engine import atomic
from engine.atomic import TEMP_SUFFIX, check_writable, remove_leftovers, write_atomic
from engine.errors import MAX_MESSAGE_CHARS, StorageError

OLD = b"the old file" * 1000
NEW = os.urandom(3 * atomic.CHUNK_BYTES + 17)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    path.write_bytes(OLD)
    return path


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith(TEMP_SUFFIX)]


def test_that_a_file_is_replaced_and_keeps_its_permissions(target: Path) -> None:
    target.chmod(0o640)
    assert write_atomic(target, NEW) == len(NEW)
    assert target.read_bytes() == NEW
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert not leftovers(target.parent)


def test_that_a_new_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomic(tmp_path / "ours", [b"ab", memoryview(b"cd")])
    assert (tmp_path / "ours").read_bytes() == b"abcd"
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_that_the_file_behind_a_link_is_replaced_and_not_the_link(target: Path) -> None:
    link = target.with_name("link.png")
    link.symlink_to(target.name)
    write_atomic(link, NEW)
    assert link.is_symlink()
    assert target.read_bytes() == NEW


def test_that_no_write_is_larger_than_one_mebibyte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: sizes.append(len(data)) or real(fd, data))  # type: ignore[func-returns-value]
    write_atomic(tmp_path / "f", NEW)
    assert max(sizes) <= 1 << 20


def test_that_a_write_that_takes_only_part_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:100_000]))
    write_atomic(tmp_path / "f", NEW)
    assert (tmp_path / "f").read_bytes() == NEW


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace", "close"])
def test_that_the_old_file_survives_whichever_call_fails(
    target: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    for n in range(1, 30):  # the n-th call fails, n = 1, 2, ... until the save gets through
        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing_at(n, call, code))
            try:
                write_atomic(target, NEW)
                break
            except StorageError as error:
                message = error.user_message
        assert "picture.png" in message
        assert "{" not in message
        assert len(message) <= MAX_MESSAGE_CHARS
        assert target.read_bytes() == OLD
        assert not leftovers(target.parent)
    assert n > 1
    assert target.read_bytes() == NEW


def failing_at(n: int, call: str, code: int) -> Any:
    real, seen = getattr(os, call), 0

    def failing(*args: Any, **kwargs: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == n:
            if call == "close":
                real(*args)  # an error from close does not leave the file open
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    return failing


def test_that_data_that_does_not_read_back_is_not_put_in_place(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(len(data))))  # a drive that lies
    with pytest.raises(StorageError, match="drive reports an error"):
        write_atomic(target, NEW)
    assert target.read_bytes() == OLD


def test_that_an_interruption_while_the_data_is_made_keeps_the_old_file(target: Path) -> None:
    def pieces() -> Any:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(target, pieces())
    assert target.read_bytes() == OLD
    assert not leftovers(target.parent)


def test_that_a_file_size_limit_is_reported_in_words_and_the_old_file_stays(tmp_path: Path) -> None:
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from engine.atomic import write_atomic\n"
        "from engine.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))\n"
        "try:\n"
        "    write_atomic(Path(sys.argv[1]), b'x' * (5 << 20))\n"
        "except StorageError as error:\n"
        "    print(error.user_message)\n"
    )
    path = tmp_path / "big.png"
    path.write_bytes(OLD)
    run = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == (
        "Graft could not save big.png: the file would be larger than this drive allows."
    )
    assert path.read_bytes() == OLD
    assert not leftovers(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("gone/p.png", "not there"), ("file/p.png", "not a folder"), ("folder", "a folder"), ("x" * 300, "too long")],
)
def test_that_impossible_targets_are_explained(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match=words):
        write_atomic(tmp_path / name, NEW)


def test_that_a_name_of_250_bytes_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / ("ü" * 125)
    write_atomic(path, NEW)
    assert path.read_bytes() == NEW


def test_that_a_file_its_owner_made_read_only_is_not_replaced(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the suite may run as root, who may write anything
    with pytest.raises(StorageError, match="permission"):
        write_atomic(target, NEW)
    assert target.read_bytes() == OLD


WRITER = (
    "import sys\n"
    "from pathlib import Path\n"
    "from engine.atomic import write_atomic\n"
    "def pieces():\n"
    "    yield b'first'\n"
    "    print('writing', flush=True)\n"
    "    sys.stdin.read()\n"
    "write_atomic(Path(sys.argv[1]), pieces())\n"
)


def test_that_leftovers_of_a_killed_writer_go_and_those_of_a_living_one_stay(target: Path) -> None:
    (target.parent / ".unrelated").write_bytes(b"")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        assert remove_leftovers(target.parent) == 0
        assert len(leftovers(target.parent)) == 1
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert target.read_bytes() == OLD
    assert remove_leftovers(target.parent) == 1
    assert sorted(path.name for path in target.parent.iterdir()) == [".unrelated", "picture.png"]
    assert remove_leftovers(target.parent / "gone") == 0


def test_that_a_hopeless_place_is_refused_beforehand_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    for place in (tmp_path, tmp_path / "gone" / "x.png", tmp_path / "file" / "x.png"):
        with pytest.raises(StorageError) as early:
            check_writable(place)
        with pytest.raises(StorageError) as late:
            write_atomic(place, b"new")
        assert early.value.user_message == late.value.user_message
    check_writable(tmp_path / "file")
    check_writable(tmp_path / "new.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_that_what_the_work_begins_with_is_not_written_over(target: Path, tmp_path: Path) -> None:
    (tmp_path / "link.png").symlink_to(target)
    for name in ("picture.png", "link.png", "../" + tmp_path.name + "/picture.png"):
        with pytest.raises(StorageError, match="begins with"):
            check_writable(tmp_path / name, beside=target)
    check_writable(target, beside=tmp_path / "other.png")
