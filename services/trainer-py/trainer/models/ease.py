"""EASE: a linear item-item model solved in closed form (Steck, WWW 2019)."""

from __future__ import annotations

from ..contract.ridge import Ridge


class EASE(Ridge):
    name = "ease"
    title = "EASE"
    paper = "Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019"
    paper_url = "https://doi.org/10.1145/3308558.3313710"
    summary = "Closed-form linear autoencoder; a strong baseline on small and medium catalogues."
