from __future__ import annotations

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from loopback import Answer, Loopback, ranged, serving, wait_until

from engine import download, partial_file
from engine.download import Download, DownloadCancelled, DownloadOrder, DownloadProgress, Fetched, file_name
from engine.errors import ChangedDownloadError, DownloadError, StorageError
from engine.web_stream import check_address

MODEL = b"\x80\x02" + random.Random(1).randbytes(200_000)
OTHER = b"\x80\x02" + random.Random(2).randbytes(200_000)
SHA256 = hashlib.sha256(MODEL).hexdigest()


def order(server: Loopback, folder: Path, path: str = "/models/ffhq.pkl", **more: Any) -> DownloadOrder:
    return DownloadOrder(server.base + path, folder, "FFHQ faces", **more)


def fetch(wanted: DownloadOrder, stall_s: float = 5.0, told: list[DownloadProgress] | None = None) -> Fetched:
    report = (lambda progress: None) if told is None else told.append
    return Download(wanted, report, stall_s=stall_s, first_wait_s=0.001).run()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_that_a_file_arrives_whole_under_its_own_name_and_nothing_else_stays(tmp_path: Path) -> None:
    told: list[DownloadProgress] = []
    with serving(lambda n, handler: ranged(handler, MODEL)) as server:
        got = fetch(order(server, tmp_path / "new", sha256=SHA256), told=told)
    assert got == Fetched(tmp_path / "new" / "ffhq.pkl", SHA256, len(MODEL))
    assert got.path.read_bytes() == MODEL
    assert names(tmp_path / "new") == ["ffhq.pkl"]
    assert told[-1].fraction == 1.0
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_that_a_connection_that_breaks_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    with serving(lambda n, handler: ranged(handler, MODEL, cut_after=60_000)) as server:
        assert fetch(order(server, tmp_path)).path.read_bytes() == MODEL
    asked = [request.get("Range") for request in server.requests]
    assert asked == [None, "bytes=60000-", "bytes=120000-", "bytes=180000-"]
    assert {request.get("If-Range") for request in server.requests[1:]} == {'"v1"'}


def test_that_a_server_that_falls_silent_is_asked_again(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        return ranged(handler, MODEL, stall_after=50_000 if number == 0 else None)

    with serving(respond) as server:
        assert fetch(order(server, tmp_path), stall_s=0.2).sha256 == SHA256
    assert [request.get("Range") for request in server.requests] == [None, "bytes=50000-"]


def test_that_a_server_that_only_drips_is_asked_again(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        return ranged(handler, MODEL, pause_s=0.0 if number else 0.01, chunk=8192 if number else 1)

    with serving(respond) as server:
        assert fetch(order(server, tmp_path), stall_s=0.1).sha256 == SHA256
        assert len(server.requests) == 2


def test_that_a_server_that_never_brings_anything_is_given_up_and_what_came_is_kept(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        return ranged(handler, MODEL, cut_after=70_000 if number == 0 else 0)

    with serving(respond) as server:
        with pytest.raises(DownloadError, match=r"connection was cut.* 70.0 kB are kept"):
            fetch(order(server, tmp_path))
        assert len(server.requests) == 1 + download.RETRIES
    assert max(path.stat().st_size for path in tmp_path.glob("*.part")) == 70_000


def test_that_a_file_that_changes_between_two_resumes_is_begun_again(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        if number == 0:
            return ranged(handler, OTHER, '"old"', cut_after=90_000)
        return ranged(handler, MODEL, '"new"')

    with serving(respond) as server:
        assert fetch(order(server, tmp_path)).path.read_bytes() == MODEL


@pytest.mark.parametrize("lie", ["etag", "total", "start", "416"])
def test_that_a_server_that_ignores_what_it_was_asked_does_not_make_a_mixed_file(tmp_path: Path, lie: str) -> None:
    def respond(number: int, handler: Any) -> Answer:
        if number == 0:
            return ranged(handler, OTHER, cut_after=90_000)
        if number > 1 or "Range" not in handler.headers:
            return Answer(MODEL)
        if lie == "416":
            return Answer(status=416)
        total = len(MODEL) + (lie == "total")
        headers = {"ETag": '"v2"' if lie == "etag" else '"v1"'}
        first = 80_000 if lie == "start" else 90_000
        headers["Content-Range"] = f"bytes {first}-{total - 1}/{total}"
        return Answer(MODEL[first:], 206, headers)

    with serving(respond) as server:
        assert fetch(order(server, tmp_path)).path.read_bytes() == MODEL


def test_that_without_a_mark_of_the_file_it_is_begun_again_unless_a_checksum_will_tell(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        return ranged(handler, MODEL, etag="", cut_after=None if number else 90_000)

    with serving(respond) as server:
        assert fetch(order(server, tmp_path / "a")).sha256 == SHA256
    assert "Range" not in server.requests[1]
    with serving(respond) as server:
        assert fetch(order(server, tmp_path / "b", sha256=SHA256)).sha256 == SHA256
    assert server.requests[1]["Range"] == "bytes=90000-"


def test_that_a_file_with_a_wrong_checksum_never_gets_its_name(tmp_path: Path) -> None:
    with (
        serving(lambda n, handler: ranged(handler, OTHER)) as server,
        pytest.raises(DownloadError, match=r"not the file that its maker published.*deleted"),
    ):
        fetch(order(server, tmp_path, sha256=SHA256))
    assert names(tmp_path) == []


def test_that_a_size_that_is_too_small_is_caught_by_the_checksum(tmp_path: Path) -> None:
    with (
        serving(lambda n, handler: Answer(MODEL, claimed=1000)) as server,
        pytest.raises(DownloadError, match="not the file"),
    ):
        fetch(order(server, tmp_path, sha256=SHA256))


def test_that_a_size_that_is_too_large_ends_with_a_sentence(tmp_path: Path) -> None:
    with (
        serving(lambda n, handler: Answer(MODEL, claimed=len(MODEL) + 5)) as server,
        pytest.raises(DownloadError, match="connection was cut"),
    ):
        fetch(order(server, tmp_path))
    assert not (tmp_path / "ffhq.pkl").exists()


def test_that_a_file_larger_than_allowed_is_refused_before_it_comes(tmp_path: Path) -> None:
    with (
        serving(lambda n, handler: Answer(b"\x80" * 50, claimed=10**15)) as server,
        pytest.raises(DownloadError, match=r"The file has 1000000 GB, more than"),
    ):
        fetch(order(server, tmp_path))


def test_that_a_server_that_goes_on_sending_is_stopped(tmp_path: Path) -> None:
    with (
        serving(lambda n, handler: Answer(MODEL, claimed=-1)) as server,
        pytest.raises(DownloadError, match="goes on sending after"),
    ):
        fetch(order(server, tmp_path, max_bytes=100_000))
    assert names(tmp_path) == []


def test_that_a_file_whose_size_nobody_says_arrives_too(tmp_path: Path) -> None:
    with serving(lambda n, handler: Answer(MODEL, claimed=-1)) as server:
        assert fetch(order(server, tmp_path)).sha256 == SHA256


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"binary", headers={"Content-Type": "text/html; charset=utf-8"}),
        Answer(b"\n <!DOCTYPE html><p>Sign in to go on"),
        Answer(b'{"error": "quota exceeded"}'),
    ],
)
def test_that_a_web_page_is_not_taken_for_a_model(tmp_path: Path, answer: Answer) -> None:
    with serving(lambda n, handler: answer) as server, pytest.raises(DownloadError, match="gave a web page"):
        fetch(order(server, tmp_path))
    assert names(tmp_path) == []


def test_that_a_safetensors_file_is_not_taken_for_json(tmp_path: Path) -> None:
    body = (0x227B).to_bytes(8, "little") + b'{"x"' + bytes(0x227B)
    with serving(lambda n, handler: Answer(body)) as server:
        assert fetch(order(server, tmp_path, "/a.safetensors")).size == len(body)


@pytest.mark.parametrize("status", [401, 403, 404, 410, 451, 418])
def test_that_a_refusal_is_told_and_not_repeated(tmp_path: Path, status: int) -> None:
    with serving(lambda n, handler: Answer(status=status)) as server:
        with pytest.raises(DownloadError, match="does not give FFHQ faces"):
            fetch(order(server, tmp_path))
        assert len(server.requests) == 1


def test_that_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    with serving(lambda n, handler: ranged(handler, MODEL) if n > 1 else Answer(status=503)) as server:
        assert fetch(order(server, tmp_path)).sha256 == SHA256


def test_that_redirects_are_followed_but_not_for_ever(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        if handler.path == "/models/ffhq.pkl":
            return Answer(status=302, headers={"Location": "/store/7?key=abc"})
        if handler.path.startswith("/round"):
            return Answer(status=307, headers={"Location": f"/round/{number}"})
        return ranged(handler, MODEL)

    with serving(respond) as server:
        assert fetch(order(server, tmp_path)).path.name == "ffhq.pkl"
        with pytest.raises(DownloadError, match="from one address to the next"):
            fetch(order(server, tmp_path, "/round"))


def test_that_a_redirect_out_of_encryption_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine import web_stream

    with serving(lambda n, handler: Answer(status=301, headers={"Location": "http://example.org/x.pkl"})) as server:
        with pytest.raises(DownloadError, match="not encrypted"):
            fetch(order(server, tmp_path))
        plain = web_stream._connection
        secret = server.base.replace("http:", "https:")
        monkeypatch.setattr(
            web_stream, "_connection", lambda parts, timeout: plain(parts._replace(scheme="http"), timeout)
        )
        back = Answer(status=301, headers={"Location": f"{server.base}/x.pkl"})
        monkeypatch.setattr(server, "send", lambda handler, _: Loopback.send(server, handler, back))
        with pytest.raises(DownloadError, match="sends on to an address that is not encrypted"):
            fetch(DownloadOrder(f"{secret}/a.pkl", tmp_path, "A"))


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("http://example.org/m.pkl", "not encrypted"),
        ("file:///etc/passwd", "no web address"),
        ("ftp://example.org/m.pkl", "no web address"),
        ("https://", "no web address"),
        ("https://example.org:99999/m.pkl", "no web address"),
        ("https://[::1/m.pkl", "no web address"),
        ("https://me:secret@example.org/m.pkl", "name and password"),
        ("https://example.org/a b.pkl", "no web address"),
        ("https://example.org/a\r\nHost: evil", "no web address"),
        ("ffhq", "no web address"),
        ("", "no web address"),
    ],
)
def test_that_an_address_that_is_none_or_not_safe_is_refused(address: str, complaint: str) -> None:
    with pytest.raises(DownloadError, match=complaint):
        check_address(address)


def test_that_cancelling_wakes_up_from_a_silent_server_and_the_rest_comes_later(tmp_path: Path) -> None:
    def respond(number: int, handler: Any) -> Answer:
        return ranged(handler, MODEL, stall_after=80_000 if number == 0 else None)

    with serving(respond) as server:
        wanted = order(server, tmp_path)
        running = Download(wanted, stall_s=20.0)
        ended: list[BaseException] = []

        def run() -> None:
            try:
                running.run()
            except DownloadCancelled as error:
                ended.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert server.stalled.wait(5.0)
        wait_until(lambda: sum(path.stat().st_size for path in tmp_path.glob("*.part")) == 80_000)
        running.cancel()
        thread.join(3.0)
        assert not thread.is_alive()
        assert isinstance(ended[0], DownloadCancelled)
        assert fetch(wanted).path.read_bytes() == MODEL
    assert server.requests[1]["Range"] == "bytes=80000-"


def test_that_two_windows_do_not_download_one_file_at_a_time(tmp_path: Path) -> None:
    with serving(lambda n, handler: ranged(handler, MODEL, stall_after=10_000)) as server:
        wanted = order(server, tmp_path)
        first = Download(wanted, stall_s=20.0)
        failures: list[BaseException] = []

        def run() -> None:
            try:
                first.run()
            except DownloadCancelled as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert server.stalled.wait(5.0)
        with pytest.raises(DownloadError, match="Another Graft is downloading FFHQ faces"):
            fetch(wanted)
        first.cancel()
        thread.join(3.0)
        assert failures
        assert not list(tmp_path.glob("*.lock"))


def test_that_a_changed_file_is_told_and_can_be_accepted_without_fetching_it_again(tmp_path: Path) -> None:
    with serving(lambda n, handler: ranged(handler, MODEL)) as server:
        with pytest.raises(ChangedDownloadError, match="another file the first time"):
            fetch(order(server, tmp_path, first_sha256="ab" * 32))
        assert fetch(order(server, tmp_path)).sha256 == SHA256
        assert len(server.requests) == 1


def test_that_too_little_room_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with (
        serving(lambda n, handler: ranged(handler, MODEL)) as server,
        pytest.raises(StorageError, match=r"too little room for FFHQ faces: it needs 200 kB more, and 1.0 kB"),
    ):
        fetch(order(server, tmp_path))


def test_that_a_disk_that_fills_keeps_what_fits_and_the_rest_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, room = os.write, [100_000]

    def write(handle: int, data: Any) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "full")
        written = real(handle, data[: room[0]])
        room[0] -= written
        return written

    with serving(lambda n, handler: ranged(handler, MODEL)) as server:
        wanted = order(server, tmp_path)
        with monkeypatch.context() as patch:
            patch.setattr(partial_file, "os", _Os(write))
            with pytest.raises(StorageError, match="the disk is full"):
                fetch(wanted)
        assert fetch(wanted).path.read_bytes() == MODEL
    assert server.requests[1]["Range"] == "bytes=100000-"


class _Os:
    def __init__(self, write: Any) -> None:
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def test_that_a_damaged_note_beside_the_part_means_to_begin_again(tmp_path: Path) -> None:
    with serving(lambda n, handler: ranged(handler, MODEL, cut_after=90_000 if n < 7 else None)) as server:
        wanted = order(server, tmp_path)
        (tmp_path / wanted.part.path.name).write_bytes(OTHER[:500])
        for note in (b"", b"[]", b'{"url": 5}', b'{"url": "x", "total": "9"}', b'{"nonsense": 1}', b"\xff"):
            (tmp_path / f"{wanted.part.path.name}.json").write_bytes(note)
            assert fetch(wanted).path.read_bytes() == MODEL


def test_that_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ffhq.pkl").write_bytes(b"mine")
    with serving(lambda n, handler: ranged(handler, MODEL)) as server:
        assert fetch(order(server, tmp_path)).path.name == "ffhq 2.pkl"
    assert (tmp_path / "ffhq.pkl").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://x.org/a/ffhq.pkl?dl=1#top", "ffhq.pkl"),
        ("https://x.org/a/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://x.org/%00%1b[2J.pkl", "___2J.pkl"),
        ("https://x.org/..", "model"),
        ("https://x.org/a%5C..%5Cevil.pt", "evil.pt"),
        ("https://x.org/", "model"),
        ("https://x.org/.hidden", "hidden"),
    ],
)
def test_that_an_address_cannot_choose_a_folder(address: str, name: str) -> None:
    assert file_name(address) == name


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_that_a_killed_download_goes_on_after_a_restart(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from engine.download import Download, DownloadOrder\n"
        "Download(DownloadOrder(sys.argv[1], Path(sys.argv[2]), 'FFHQ')).run()"
    )
    with serving(lambda n, handler: ranged(handler, MODEL, pause_s=0.02 if n == 0 else 0.0)) as server:
        wanted = order(server, tmp_path, sha256=SHA256)
        process = subprocess.Popen([sys.executable, "-c", script, wanted.url, str(tmp_path)])
        wait_until(lambda: sum(path.stat().st_size for path in tmp_path.glob("*.part")) > 50_000, 20.0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "ffhq.pkl").exists()
        assert fetch(wanted).path.read_bytes() == MODEL
    assert int(server.requests[1]["Range"].removeprefix("bytes=").rstrip("-")) > 50_000
