"""The thread that computes."""

from concurrent.futures import ThreadPoolExecutor

import torch

from ..kernels.threads import cores

# One for the whole process: PyTorch and the kernels spread each computation over all cores already, every further
# thread that calls them starts a pool of its own, and numba's portable threading layer takes one caller.
compute = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")

# Scores from which on an operation is worth the wait for another core. On two cores that others use as well, 32 callers
# of VALID on citeulike-a got 885 answers a second by one core and 561 by two.
WORTH_WAITING = 1_000_000


def take_cores(scores: int) -> None:
    """For what this thread computes next: so many scores, with PyTorch's operations on it alone or on all cores."""
    most = cores()  # which has to be asked before there is but one
    torch.set_num_threads(most if scores >= WORTH_WAITING else 1)
