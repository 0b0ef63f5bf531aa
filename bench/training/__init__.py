"""What bench/train.py measures, and against what."""
