"""One piece of work by several processes of this machine, as torchrun starts and watches them (docs/adr/0039)."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from datetime import timedelta

import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from .process_group import ProcessGroup

Work = Callable[[ProcessGroup], None]
# Who waits for another process waits for as long as it takes: that nothing comes of it is seen from outside.
NO_LIMIT = timedelta(days=30)
# Between SIGTERM and SIGKILL; less than the trainer gives to this process.
SHUTDOWN_SECONDS = 1


def in_processes(count: int, run_id: str, work: Work) -> None:
    """Returns once all of `count` processes have done `work`, which they begin with all that this one holds.

    When one fails the others are ended, and this process too: by the signal that the one was ended by, or with status
    1. None is started again: a run is tried again as a whole, from its checkpoint.
    """
    # Asking CUDA itself for its devices would leave it unusable in the processes that are forked.
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=run_id,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",  # a port of its own: two runs on one machine do not meet
        local_addr="localhost",
        max_restarts=0,
        start_method="fork",
        shutdown_timeout=SHUTDOWN_SECONDS,
        logs_specs=DefaultLogsSpecs(log_dir=os.devnull),
    )
    try:
        elastic_launch(config, _rank)(work)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        _end_by(signal.Signals(-failure.exitcode)) if failure.exitcode < 0 else sys.exit(1)
    except SignalException as ended:
        _end_by(ended.sigval)


def _rank(work: Work) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)  # torchrun's own were inherited
    # Gloo would listen where the name of the machine leads to, for everybody.
    os.environ.setdefault(
        "GLOO_SOCKET_IFNAME", next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    )
    distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=NO_LIMIT)
    work(ProcessGroup(distributed.get_rank(), distributed.get_world_size()))
    distributed.destroy_process_group()


def _end_by(number: signal.Signals) -> None:
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
