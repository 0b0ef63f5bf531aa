"""Valence trainer: imports datasets, trains, evaluates and serves multi-interest recommenders."""

import os

# OpenMP reads this when PyTorch is loaded, so it stands here. By default idle threads spin until the others are done:
# on cores shared with a database, a queue and a web server small steps then take twenty times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
