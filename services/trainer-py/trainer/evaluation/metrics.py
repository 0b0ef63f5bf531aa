"""What can be measured, by name: the catalogue that protocols name, and what each metric means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import InvalidRequest


@dataclass(frozen=True)
class MetricDefinition:
    """of_user: the mean of a value of each user; otherwise of all lists together. better: higher, lower, or "" where
    neither is better by itself."""

    name: str
    title: str
    definition: str
    of_user: bool = True
    better: str = ""


_ALL = (
    MetricDefinition(
        "recall",
        "Recall",
        "Items of the test among the first P, as a part of all that the user has in the test. Not divided by min(P, "
        "items in the test), as some papers do.",
        better="higher",
    ),
    MetricDefinition(
        "ndcg",
        "NDCG",
        "Sum of 1 / log2(rank + 1) over the items of the test among the first P, as a part of that of an ideal list "
        "(Järvelin & Kekäläinen, TOIS 2002, with binary relevance).",
        better="higher",
    ),
    MetricDefinition(
        "precision",
        "Precision",
        "Items of the test among the first P, divided by P, also where fewer items are left to rank.",
        better="higher",
    ),
    MetricDefinition("hit", "Hit rate", "1 where one of the first P is in the test, else 0.", better="higher"),
    MetricDefinition(
        "mrr",
        "MRR",
        "1 / rank of the first item of the test; 0 where none is among the first P (Voorhees, TREC-8 1999).",
        better="higher",
    ),
    MetricDefinition(
        "map",
        "MAP",
        "Sum of the precision at the rank of each item of the test among the first P, over min(P, items in the test), "
        "so that a perfect list has 1 (McFee et al., WWW 2012). Other papers divide by all items in the test.",
        better="higher",
    ),
    MetricDefinition(
        "novelty",
        "Novelty",
        "Mean self-information of the first P in bits: -log2 of the share of training users who have the item (Zhou et "
        "al., PNAS 2010). An item that nobody has counts as if one user had it.",
    ),
    MetricDefinition(
        "tail",
        "Long tail",
        "Share of the first P that is long tail: all items but the most popular ones that together hold 80 % of the "
        "training interactions (APLT: Abdollahpouri, Burke & Mobasher, FLAIRS 2019).",
    ),
    MetricDefinition(
        "diversity",
        "Diversity",
        "Mean of 1 - cosine over pairs of the first P, of the two items' columns in the training matrix of 0 and 1 "
        "(intra-list distance: Ziegler et al., WWW 2005; Vargas & Castells, RecSys 2011). 0 of fewer than two items.",
    ),
    MetricDefinition(
        "calibration",
        "Calibration",
        "KL divergence in nats of the groups of the first P, smoothed with 0.01, from those of the user's history "
        "(Steck, RecSys 2018). Groups are the dataset's tags; where it has none, 20 clusters of the items' columns in "
        "the training matrix (spherical k-means: Dhillon & Modha, 2001).",
        better="lower",
    ),
    MetricDefinition(
        "coverage",
        "Item coverage",
        "Share of the dataset's items that are among the first P of somebody (Ge, Delgado-Battenfeld & Jannach, "
        "RecSys 2010).",
        of_user=False,
        better="higher",
    ),
    MetricDefinition(
        "gini",
        "Gini index",
        "How unevenly items are recommended: 0 where each is among the first P of as many users, (N - P) / (N - 1) "
        "of N items where all have the same P (Shani & Gunawardana, Recommender Systems Handbook, 2011).",
        of_user=False,
        better="lower",
    ),
)
METRICS = {metric.name: metric for metric in _ALL}
DEFAULT = ("recall", "ndcg")


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Each once and as the catalogue has them, so that the same ones are the same protocol; of none the default. Raises
    InvalidRequest for a name that is none."""
    asked = set(names)
    if unknown := sorted(asked - METRICS.keys()):
        allowed = ", ".join(METRICS)
        raise InvalidRequest(f"there is no metric {unknown[0]!r}; allowed: {allowed}", field="protocol.metrics")
    return tuple(name for name in METRICS if name in asked) or DEFAULT


def of_users(names: Iterable[str]) -> list[str]:
    """Those that have a value of each user."""
    return [name for name in names if METRICS[name].of_user]
