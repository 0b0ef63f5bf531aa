-- What a protocol measures; until now it was always these two.
ALTER TABLE "experiments" ADD COLUMN "metrics" TEXT[] DEFAULT ARRAY['recall', 'ndcg']::TEXT[];
ALTER TABLE "evaluations" ADD COLUMN "metric_names" TEXT[] DEFAULT ARRAY['recall', 'ndcg']::TEXT[];

-- The values of single users that a test leaves, and its metrics by group.
ALTER TABLE "runs"
    ADD COLUMN "values_key" TEXT,
    ADD COLUMN "values_sha256" TEXT,
    ADD COLUMN "values_bytes" BIGINT,
    ADD COLUMN "values_users" INTEGER,
    ADD COLUMN "metric_groups" JSONB NOT NULL DEFAULT '[]';
ALTER TABLE "evaluations"
    ADD COLUMN "values_key" TEXT,
    ADD COLUMN "values_sha256" TEXT,
    ADD COLUMN "values_bytes" BIGINT,
    ADD COLUMN "values_users" INTEGER,
    ADD COLUMN "metric_groups" JSONB NOT NULL DEFAULT '[]';
