"""Lists whose interests follow the person's: Steck, "Calibrated Recommendations", RecSys 2018.

A list L of n items of a pool is chosen to maximise (section 4.2, eq. 7)
    (1 - lambda) 1/n sum_{i in L} s_i - lambda KL(p || q~),    q~ = (1 - alpha) q + alpha p
with p the person's shares of interests, q the mean of the items' shares, and s_i the score as it stands in its pool: 1
the best, 0 the last. So lambda weighs two numbers without a unit: what the list gives up in the mean against the best
items, and how far it is from the person's interests in nats.

For lists of equal length, up to constants, it is (1 - lambda)/n sum s_i + lambda sum_k p_k log sum_{i in L} q~_k(i),
which is submodular and grows with each item. Taking the item that adds most, one after the other, thus comes within
1 - 1/e of the best possible gain over the first item, and so does every prefix: the list is answered in that order.
"""

from __future__ import annotations

import numpy as np

ALPHA = 0.01  # as in the paper: an interest that the list lacks is dear, not infinitely so


def pool_of(n: int) -> int:
    """Number of best items that a list of n is chosen from."""
    return max(n, min(max(5 * n, 200), 1000))


def wanted_shares(held: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """p [K], sums to 1: the person's shares of interests `held` [K], times the weights that these are steered by; of
    what the person holds nothing of, the weights alone."""
    wanted = held.astype(np.float64)
    if weights is not None:
        wanted = wanted * weights if (wanted * weights).sum() > 0 else weights.astype(np.float64)
    share: np.ndarray = wanted / wanted.sum()
    return share


def divergence(p: np.ndarray, shares: np.ndarray) -> float:
    """KL(p || q~) in nats of a list of items with `shares` [m, K]."""
    smoothed = (1 - ALPHA) * shares.mean(0) + ALPHA * p
    some = p > 0
    return float((p[some] * np.log(p[some] / smoothed[some])).sum())


def calibrated(scores: np.ndarray, shares: np.ndarray, p: np.ndarray, n: int, strength: float) -> np.ndarray:
    """Places of the min(n, P) items to answer, first to last, of a pool with scores [P] descending and shares [P, K];
    `strength` is lambda. Of items that add the same the one with the better score."""
    span = scores[0] - scores[-1] if len(scores) else 0.0
    merits = (1 - strength) / n * ((scores - scores[-1]) / span if span > 0 else np.zeros(len(scores)))
    some = p > 0
    p, parts = p[some], (1 - ALPHA) * shares[:, some] + ALPHA * p[some]  # q~(i) [P, K]
    chosen = np.empty(min(n, len(scores)), dtype=np.int64)
    total = np.zeros(len(p))
    for place in range(len(chosen)):
        gains = merits + strength * (np.log(total + parts) @ p)
        best = chosen[place] = int(gains.argmax())
        total += parts[best]
        merits[best] = -np.inf
    return chosen
