"""What tests of several parts need."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import trainer  # noqa: F401  before any test loads PyTorch: it says how threads wait
from trainer.contract.recommender import Histories, Recommender

BestList = Callable[[Recommender, Histories, int, set[int], np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names cases after how long their bytes are: packed bytes hold the time, and processes that share the tests must
    name them alike."""
    return f"{argname}-{len(val)}" if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def reference_dir() -> Path:
    """Folder of the reference data: golden/ and data/. VALENCE_REFERENCE_DIR, else beside the checkout."""
    named = os.environ.get("VALENCE_REFERENCE_DIR")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared"
    if not folder.is_dir():
        message = f"NO REFERENCE DATA in {folder}: set VALENCE_REFERENCE_DIR to its folder to compare with it"
        if named or os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def assert_best() -> BestList:
    """Whether columns, scores, shares [m, K] and because [m, 3] or [m, 0] are the n best, without the excluded ones, of
    the one person of a batch: by `scores` and `interests`, item by item. What is a rounding apart may stand in either
    order."""

    def check(
        model: Recommender,
        batch: Histories,
        n: int,
        excluded: set[int],
        columns: np.ndarray,
        scores: np.ndarray,
        shares: np.ndarray,
        because: np.ndarray,
    ) -> None:
        exact = model.scores(batch)[0].double().numpy()
        left = [c for c in range(len(exact)) if c not in excluded and exact[c] > -np.inf]
        assert len(columns) == min(n, len(left))
        assert set(columns.tolist()) <= set(left)
        assert len(set(columns.tolist())) == len(columns)
        near = {"rtol": 1e-5, "atol": 1e-5}
        np.testing.assert_allclose(scores, exact[columns], **near)
        np.testing.assert_allclose(scores, sorted((exact[c] for c in left), reverse=True)[: len(columns)], **near)
        assert columns.tolist() == [c for _, c in sorted(zip(-scores, columns.tolist(), strict=True))]
        terms = history_shares = None
        if "interests" in model.capabilities:
            found = model.interests(batch, batch.indices.new_tensor(columns))
            terms, history_shares = found.item_terms[0].double().numpy(), found.history_shares.numpy()
            totals = terms.sum(0)
            of_none = np.full_like(terms, 1 / len(terms))  # what no interest speaks for belongs to all alike
            expected = np.where(totals > 0, terms / np.where(totals > 0, totals, 1), of_none)
            np.testing.assert_allclose(shares, expected.T, **near)
        else:
            assert shares.shape == (len(columns), 0)
        if because.shape[1] > 0:
            vectors, history = model.item_vectors(), batch.indices.tolist()
            for number, (column, reasons) in enumerate(zip(columns.tolist(), because.tolist(), strict=True)):
                strengths = {}
                for place, held in enumerate(history):
                    strength = float(vectors[held] @ vectors[column]) if vectors is not None else 0.0
                    if terms is not None and history_shares is not None:
                        strength *= history_shares[place, terms[:, number].argmax()]
                    if strength > 0 and held != column:
                        strengths[held] = strength
                best = sorted(strengths.values(), reverse=True)[:3]
                named = [reason for reason in reasons if reason >= 0]
                np.testing.assert_allclose([strengths[reason] for reason in named], best, **near)

    return check
