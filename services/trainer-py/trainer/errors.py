"""Errors a person can act on. Each knows its code (docs/errors.md) and the name of its gRPC status."""

from __future__ import annotations

# What each kind of a child's work is called, and what makes it need less memory.
WORK = {
    "train": ("training", "a smaller batch, width or number of interests"),
    "evaluate": ("evaluation", "again while less else runs on the machine"),
    "compare": ("comparison", "fewer groups, runs or metrics"),
    "export": ("export", "again while less else runs on the machine"),
    "import": ("import", "fewer interactions"),
    "read": ("import", "smaller files"),
}


class ValenceError(Exception):
    """Base of every expected failure; `field` names the place of the wrong value, if there is one."""

    code = "internal"
    grpc_status = "INTERNAL"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class BadConfiguration(ValenceError):
    """A model's configuration does not fit its schema."""

    code = "bad_configuration"
    grpc_status = "INVALID_ARGUMENT"


class InvalidRequest(ValenceError):
    """A request field is missing or out of range."""

    code = "invalid_request"
    grpc_status = "INVALID_ARGUMENT"


class UnknownModel(ValenceError):
    code = "unknown_model"
    grpc_status = "NOT_FOUND"


class BadDataset(ValenceError):
    """The uploaded files do not form a dataset; `code` says how (not_utf8, missing_column, dataset_too_small, ...)."""

    code = "bad_dataset"
    grpc_status = "FAILED_PRECONDITION"


class DatasetMissing(ValenceError):
    code = "dataset_missing"
    grpc_status = "NOT_FOUND"


class DatasetCorrupt(ValenceError):
    """A file of an imported dataset differs from its manifest."""

    code = "dataset_corrupt"
    grpc_status = "DATA_LOSS"


class UploadMissing(ValenceError):
    code = "upload_missing"
    grpc_status = "NOT_FOUND"


class ExportGone(ValenceError):
    """The file of an export is not there, or not as long as it was written."""

    code = "export_gone"
    grpc_status = "NOT_FOUND"


class CheckpointMissing(ValenceError):
    code = "checkpoint_missing"
    grpc_status = "NOT_FOUND"


class CheckpointCorrupt(ValenceError):
    """Size, sha256, shapes or manifest of a checkpoint disagree."""

    code = "checkpoint_corrupt"
    grpc_status = "DATA_LOSS"


class ValuesMissing(ValenceError):
    """The values of single users that a run or an evaluation has measured are not there."""

    code = "values_missing"
    grpc_status = "NOT_FOUND"


class ValuesCorrupt(ValenceError):
    """Size, sha256, columns or manifest of the values of single users disagree."""

    code = "values_corrupt"
    grpc_status = "DATA_LOSS"


class BadArchive(ValenceError):
    """A file is no backup, or not as it was written."""

    code = "bad_archive"
    grpc_status = "DATA_LOSS"


class OutOfMemory(ValenceError):
    code = "out_of_memory"
    grpc_status = "RESOURCE_EXHAUSTED"


class NoFreeSlot(ValenceError):
    """Every training slot is taken; the caller may try again later."""

    code = "no_free_slot"
    grpc_status = "UNAVAILABLE"


class Busy(ValenceError):
    """As many uploads or downloads are under way as may be; the caller may try again in a moment."""

    code = "busy"
    grpc_status = "UNAVAILABLE"


class Stopping(ValenceError):
    """The trainer is being stopped in an orderly way; the work is sound and goes on where it comes back."""

    code = "stopping"
    grpc_status = "UNAVAILABLE"


class StorageFull(ValenceError):
    code = "storage_full"
    grpc_status = "RESOURCE_EXHAUSTED"


class StoreUnavailable(ValenceError):
    """The object store of the artifacts does not answer, or not us, or their disk takes no writes for now; the work is
    sound and may be tried again."""

    code = "store_unavailable"
    grpc_status = "UNAVAILABLE"


class Diverged(ValenceError):
    """The loss is not finite."""

    code = "diverged"
    grpc_status = "ABORTED"


class TrainerCrashed(ValenceError):
    """The training child died without saying why; the run may be tried again."""

    code = "trainer_crashed"
    grpc_status = "UNAVAILABLE"


class TrainerHung(ValenceError):
    """The training child made no progress for too long and was killed; the run may be tried again."""

    code = "trainer_hung"
    grpc_status = "UNAVAILABLE"


class StaleLease(ValenceError):
    """A newer owner of the work has called already."""

    code = "stale_lease"
    grpc_status = "FAILED_PRECONDITION"


class UploadTooLarge(ValenceError):
    code = "upload_too_large"
    grpc_status = "RESOURCE_EXHAUSTED"


class UnknownUser(ValenceError):
    code = "unknown_user"
    grpc_status = "NOT_FOUND"


class UnknownItem(ValenceError):
    code = "unknown_item"
    grpc_status = "NOT_FOUND"


class NoKnownItems(ValenceError):
    code = "no_known_items"
    grpc_status = "INVALID_ARGUMENT"


class FoldInUnsupported(ValenceError):
    code = "fold_in_unsupported"
    grpc_status = "FAILED_PRECONDITION"


class SteeringUnsupported(ValenceError):
    """The model has no interests."""

    code = "steering_unsupported"
    grpc_status = "FAILED_PRECONDITION"


class AllMuted(ValenceError):
    """No interest is left that could speak for an item."""

    code = "all_muted"
    grpc_status = "INVALID_ARGUMENT"


class SimilarUnsupported(ValenceError):
    """The model cannot say which items are alike."""

    code = "similar_unsupported"
    grpc_status = "FAILED_PRECONDITION"
