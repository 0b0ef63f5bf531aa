-- What was said of a run before it was queued, to be held against what it took.
ALTER TABLE "runs" ADD COLUMN "estimate" JSONB;
