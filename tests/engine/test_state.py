"""What the functions that make one edit state from another promise."""

from __future__ import annotations

import pytest

from engine.state import DEFAULT_PSI, EditState, ModelRef, SeedLatent, StoredLatent, with_seed

A = ModelRef("a" * 64, "a")


@pytest.mark.parametrize(
    ("latent", "psi", "expected"),
    [
        (StoredLatent("k"), 1.0, DEFAULT_PSI),  # nobody chose it for seeds
        (StoredLatent("k"), 0.9, 0.9),
        (SeedLatent(3), 1.0, 1.0),
    ],
)
def test_that_a_seed_after_a_whole_portrait_is_truncated_as_usual(
    latent: SeedLatent | StoredLatent, psi: float, expected: float
) -> None:
    state = with_seed(EditState(model_a=A, latent=latent, truncation_psi=psi), 7)
    assert state.latent == SeedLatent(7)
    assert state.truncation_psi == expected
