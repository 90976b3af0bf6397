"""What every test of the engine shares: torch is left as it was found."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def gradients_are_as_before() -> Iterator[None]:
    """A backend switches gradients off for its thread, which in some tests is this one."""
    torch = sys.modules.get("torch")
    before = torch is None or torch.is_grad_enabled()
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_grad_enabled(before)
