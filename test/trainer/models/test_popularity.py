"""Popularity ranks by training degree, the same for everyone."""

import numpy as np
import torch
from scipy.sparse import csr_matrix

from trainer.contract.recommender import Histories
from trainer.models.popularity import Popularity, PopularityConfig


def test_scores_are_training_degrees() -> None:
    train = csr_matrix(np.array([[1, 0, 1], [1, 0, 0], [1, 0, 1]], np.float32))
    model = Popularity(PopularityConfig(), *train.shape)
    model.prepare(train, torch.Generator())
    model.fit(train)
    assert model.scores(Histories.of(train, np.array([0, 2]))).tolist() == [[3, 0, 2], [3, 0, 2]]
    nobody = Histories(torch.tensor([-1]), torch.tensor([0, 0]), torch.empty(0, dtype=torch.int64))
    assert model.scores(nobody).tolist() == [[3, 0, 2]]
