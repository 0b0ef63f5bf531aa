"""How the weight of a KL term rises."""

from __future__ import annotations


def annealed(step: int, steps: int, cap: float) -> float:
    """beta at `step` (from 1): from 0 to 1 over `steps`, but never above `cap`; with 0 steps the cap at once (Liang et
    al., "Variational Autoencoders for Collaborative Filtering", WWW 2018, section 2.2.2)."""
    return min(cap, step / steps) if steps else cap
