-- What a deployment is served with beside its dataset, and what whoever holds that in memory looks at to stay true.

-- In the order in which they were committed, for writers of one feed come one after the other.
ALTER TABLE "feed_interactions" ADD COLUMN "seq" BIGSERIAL NOT NULL;
CREATE INDEX "feed_interactions_feed_id_seq_idx" ON "feed_interactions"("feed_id", "seq");

ALTER TABLE "feeds" ADD COLUMN "removals" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN "described" BIGINT NOT NULL DEFAULT 0;

ALTER TABLE "deployments" ADD COLUMN "feed_id" INTEGER;
ALTER TABLE "deployments" ADD CONSTRAINT "deployments_feed_id_fkey" FOREIGN KEY ("feed_id") REFERENCES "feeds"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Of earlier snapshots nobody knows which rows came after them: all count, once.
UPDATE "datasets" SET "feed" = "feed" || '{"upTo": 0}' WHERE "feed" IS NOT NULL;
