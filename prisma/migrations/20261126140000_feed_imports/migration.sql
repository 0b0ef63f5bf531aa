-- Files that go into a feed. The new value may be used once this is committed.
ALTER TYPE "JobKind" ADD VALUE 'feed_import';

CREATE TABLE "feed_imports" (
    "id" UUID NOT NULL,
    "feed_id" INTEGER NOT NULL,
    "rule" JSONB NOT NULL,
    "files" JSONB NOT NULL,
    "files_kept" BOOLEAN NOT NULL DEFAULT true,
    "rows_total" BIGINT,
    "rows_done" BIGINT NOT NULL DEFAULT 0,
    "added" BIGINT NOT NULL DEFAULT 0,
    "known" BIGINT NOT NULL DEFAULT 0,
    "bad" BIGINT NOT NULL DEFAULT 0,
    "items" BIGINT NOT NULL DEFAULT 0,
    "problems" JSONB NOT NULL DEFAULT '[]',
    "problems_total" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feed_imports_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "feed_imports_feed_id_created_at_id_idx" ON "feed_imports"("feed_id", "created_at", "id");

ALTER TABLE "feed_imports" ADD CONSTRAINT "feed_imports_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "feed_imports" ADD CONSTRAINT "feed_imports_feed_id_fkey" FOREIGN KEY ("feed_id") REFERENCES "feeds"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
