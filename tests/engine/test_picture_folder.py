from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from engine.picture_folder import PHOTO_SUFFIXES, picture_files


@pytest.mark.skipif(sys.platform == "win32", reason="pipes lie elsewhere there")
def test_that_pipes_are_left_out_and_links_to_nothing_are_not(tmp_path: Path) -> None:
    (tmp_path / "face.jpg").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "away.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "to-pipe.jpg").symlink_to(tmp_path / "pipe.jpg")
    assert picture_files(tmp_path) == ["away.jpg", "face.jpg"]


def test_that_photos_of_telephones_count_where_portraits_are_wanted(tmp_path: Path) -> None:
    (tmp_path / "face.HEIC").write_bytes(b"")
    assert picture_files(tmp_path, PHOTO_SUFFIXES) == ["face.HEIC"]
