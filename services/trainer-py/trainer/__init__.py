"""Valence trainer: imports datasets, trains, evaluates and serves multi-interest recommenders."""

import os

# OpenMP reads this when PyTorch is loaded, so it stands here. By default idle threads spin until the others are done:
# on cores shared with a database, a queue and a web server small steps then take twenty times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What PyTorch's C++ warns of would be lines of a run's log, once for each of its processes: that each step looks for
# unused parameters, which is meant (docs/adr/0039).
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")

__version__ = "0.1.0"
