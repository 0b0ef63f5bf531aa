"""Uploaded files become a canonical dataset: unpack, understand, read, check, merge, filter, split, write; or
rows for a feed."""

from .folder import files_of_folder
from .heads import Head
from .members import SourceFile
from .pipeline import Finished, import_dataset
from .preview import Preview, preview_files
from .rows import Checked, Interactions, Items, read_rows
from .rule import FeedRule, ImportRule
from .tally import Problem, Progress

__all__ = [
    "Checked",
    "FeedRule",
    "Finished",
    "Head",
    "ImportRule",
    "Interactions",
    "Items",
    "Preview",
    "Problem",
    "Progress",
    "SourceFile",
    "files_of_folder",
    "import_dataset",
    "preview_files",
    "read_rows",
]
