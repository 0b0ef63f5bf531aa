-- Which of several models is better. The new value may be used once this is committed.
ALTER TYPE "JobKind" ADD VALUE 'comparison';

CREATE TABLE "comparisons" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "dataset_id" UUID NOT NULL,
    "protocol" JSONB NOT NULL,
    "metrics" TEXT[],
    "groups" JSONB NOT NULL,
    "baseline" INTEGER,
    "draws" INTEGER NOT NULL,
    "seed" INTEGER NOT NULL,
    "done" INTEGER NOT NULL DEFAULT 0,
    "total" INTEGER,
    "result" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "comparisons_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "comparison_runs" (
    "comparison_id" UUID NOT NULL,
    "run_id" UUID NOT NULL,
    "values" JSONB NOT NULL,

    CONSTRAINT "comparison_runs_pkey" PRIMARY KEY ("comparison_id", "run_id")
);

CREATE INDEX "comparisons_created_at_id_idx" ON "comparisons"("created_at", "id");
CREATE INDEX "comparisons_dataset_id_idx" ON "comparisons"("dataset_id");
CREATE INDEX "comparison_runs_run_id_idx" ON "comparison_runs"("run_id");

ALTER TABLE "comparisons" ADD CONSTRAINT "comparisons_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "comparisons" ADD CONSTRAINT "comparisons_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "datasets"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "comparison_runs" ADD CONSTRAINT "comparison_runs_comparison_id_fkey" FOREIGN KEY ("comparison_id") REFERENCES "comparisons"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "comparison_runs" ADD CONSTRAINT "comparison_runs_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
