"""The interaction graph: users and items as nodes, one sparse matrix built once."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy.sparse import block_array, csr_matrix, diags_array
from torch import Tensor

# CSR has been in beta for years; what is used of it here is tested.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


def adjacency(train: csr_matrix) -> csr_matrix:
    """A [U+N, U+N] of the pairs of the train matrix [U, N]: users first, symmetric, columns ascending in each row."""
    both = csr_matrix(block_array([[None, train], [train.T, None]], format="csr"))
    both.sort_indices()
    return both


def normalised_adjacency(train: csr_matrix) -> Tensor:
    """D^-1/2 A D^-1/2 [U+N, U+N] as sparse CSR, users first (He et al., LightGCN, eq. 7-8). Symmetric."""
    both = adjacency(train)
    degrees = np.asarray(both.sum(axis=1)).ravel()
    scale = diags_array(np.divide(1, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0))
    return sparse_tensor(csr_matrix(scale @ both @ scale))


def sparse_tensor(matrix: csr_matrix) -> Tensor:
    """The same matrix as a PyTorch CSR tensor of float32."""
    index = index_type(matrix.nnz, *matrix.shape)
    return torch.sparse_csr_tensor(
        torch.from_numpy(matrix.indptr.astype(index)),
        torch.from_numpy(matrix.indices.astype(index)),
        torch.from_numpy(matrix.data.astype(np.float32)),
        matrix.shape,
        check_invariants=False,
    )


def index_type(*largest: int) -> type[np.integer[Any]]:
    """32 bits where they suffice: sparse products are a sixth faster than with the 64 that PyTorch would choose."""
    return np.int32 if max(largest) < 1 << 31 else np.int64


def propagate(symmetric: Tensor, nodes: Tensor) -> Tensor:
    """symmetric [n, n] @ nodes [n, d]; its own transpose is not built again for each backward pass."""
    product: Tensor = _SymmetricProduct.apply(symmetric, nodes)  # type: ignore[no-untyped-call]
    return product


class _SymmetricProduct(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, symmetric: Tensor, nodes: Tensor) -> Tensor:
        context.symmetric = symmetric
        return symmetric @ nodes

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[None, Tensor]:
        return None, context.symmetric @ gradient
