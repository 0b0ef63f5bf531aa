-- When files were sent, as a number among those of the feeds' rows: who is erased later is not brought back by them. 0: before any erasure.
ALTER TABLE "datasets" ADD COLUMN "since" BIGINT NOT NULL DEFAULT 0;
ALTER TABLE "feed_imports" ADD COLUMN "since" BIGINT NOT NULL DEFAULT 0, ADD COLUMN "erased" BIGINT NOT NULL DEFAULT 0;
