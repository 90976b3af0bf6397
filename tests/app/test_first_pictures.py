"""The pictures that come with Graft are those that its engine draws now."""

from __future__ import annotations

import math

import numpy as np
import pytest
from window import Graft

from engine.messages import Pixels
from engine.state import View
from gui.kept_pictures import first_pictures_folder, picture_key, picture_name, read_picture

LEAST_DB = 35.0


def psnr(found: Pixels, wanted: Pixels) -> float:
    error = np.mean((found[..., :3].astype(float) - wanted[..., :3]) ** 2)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def test_that_the_very_first_start_begins_with_what_the_engine_will_draw(graft: Graft) -> None:
    graft.settle()
    key = picture_key(graft.state)
    for view in (View.A, View.BLEND, View.B):
        shipped = read_picture(first_pictures_folder() / picture_name(key, view))
        if shipped is None:
            pytest.fail("the window opens on something else: run python tests/app/samples.py pictures")
        assert psnr(shipped, graft.picture(view)) > LEAST_DB
