"""Uploaded files become a canonical dataset: unpack, understand, read, check, merge, filter, split, write."""

from .folder import files_of_folder
from .members import SourceFile
from .pipeline import Finished, import_dataset
from .preview import Head, Preview, preview_files
from .rule import ImportRule
from .tally import Problem, Progress

__all__ = [
    "Finished",
    "Head",
    "ImportRule",
    "Preview",
    "Problem",
    "Progress",
    "SourceFile",
    "files_of_folder",
    "import_dataset",
    "preview_files",
]
