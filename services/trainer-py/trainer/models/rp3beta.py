"""RP3beta: random walks of three steps, popular ends held back (Paudel et al., TiiS 2017)."""

from __future__ import annotations

from ..contract.random_walks import RandomWalks


class RP3beta(RandomWalks):
    name = "rp3beta"
    title = "RP3beta"
    paper = "Paudel et al., Updatable, Accurate, Diverse, and Scalable Recommendations, TiiS 2017"
    paper_url = "https://doi.org/10.1145/2955101"
    summary = "Short random walks over the interaction graph, with popular items held back."
