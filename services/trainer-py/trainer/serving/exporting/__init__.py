"""Recommendations of many users as one file, in parts that outlive a crash."""

from .exporter import export
from .folder import read
from .request import ExportRequest

__all__ = ["ExportRequest", "export", "read"]
