"""What is said of ratings that nobody has set a limit to: a dislike counts as a like then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from .tally import Problem

CODE = "ratings_all_taken"


@dataclass
class Rated:
    """The range of all ratings that are taken, and the table and column of each table that has some."""

    least: float = np.inf
    largest: float = -np.inf
    places: list[tuple[str, str]] = field(default_factory=list)

    def add(self, table: str, column: str, ranges: list[tuple[float, float]]) -> None:
        """`ranges` of the batches of one table, of which there is one at least."""
        self.least = min(self.least, *(least for least, _ in ranges))
        self.largest = max(self.largest, *(largest for _, largest in ranges))
        self.places.append((table, column))

    def said(self, where: str = "") -> Iterator[Problem]:
        """Nothing where the ratings do not differ; `where` the rows are, of which this is true. Of several tables none
        is named. No problem that counts: the same bytes under the same rule are the dataset that they always were."""
        if self.least >= self.largest:
            return
        tables, columns = ({*names} for names in zip(*self.places, strict=True))
        table, column = (names.pop() if len(names) == 1 else "" for names in (tables, columns))
        found = f"ratings from {self.least:g} to {self.largest:g}{where}"
        yield Problem(CODE, table, 0, column, f"{found}, all taken as likes unless minRating is given")
