"""SLIM: a sparse, non-negative linear item-item model (Ning & Karypis, ICDM 2011)."""

from __future__ import annotations

from ..contract.sparse_regression import SparseRegression


class SLIM(SparseRegression):
    name = "slim"
    title = "SLIM"
    paper = "Ning & Karypis, SLIM: Sparse Linear Methods for Top-N Recommender Systems, ICDM 2011"
    paper_url = "https://doi.org/10.1109/ICDM.2011.134"
    summary = "Learns a few non-negative weights between items by regression; explains itself and serves fast."
