"""Answers questions about recommendations from checkpoints on disk."""
