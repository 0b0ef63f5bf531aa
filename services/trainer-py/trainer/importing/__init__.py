"""Uploaded files become a canonical dataset: read lines, check rows, merge, filter, split, write."""

from .folder import files_of_folder
from .pipeline import Finished, Problem, Progress, import_dataset
from .reading import SourceFile
from .rule import ImportRule

__all__ = ["Finished", "ImportRule", "Problem", "Progress", "SourceFile", "files_of_folder", "import_dataset"]
