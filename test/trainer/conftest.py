"""What tests of several parts need."""

import os
from pathlib import Path

import pytest

import trainer  # noqa: F401  before any test loads PyTorch: it says how threads wait


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
