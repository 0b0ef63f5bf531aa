-- A deployment that renews itself. The fifth kind of job; the new value may be used once this is committed.
ALTER TYPE "JobKind" ADD VALUE 'refresh';

CREATE TABLE "refresh_rules" (
    "deployment_name" TEXT NOT NULL,
    "feed_id" INTEGER NOT NULL,
    "spec" JSONB NOT NULL,
    "paused" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "refresh_rules_pkey" PRIMARY KEY ("deployment_name")
);
CREATE INDEX "refresh_rules_feed_id_idx" ON "refresh_rules"("feed_id");
ALTER TABLE "refresh_rules" ADD CONSTRAINT "refresh_rules_feed_id_fkey" FOREIGN KEY ("feed_id") REFERENCES "feeds"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

CREATE TABLE "refreshes" (
    "id" UUID NOT NULL,
    "deployment_name" TEXT NOT NULL,
    "spec" JSONB NOT NULL,
    "recipe" TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    "by" TEXT,
    "step" TEXT NOT NULL DEFAULT 'snapshot',
    "outcome" TEXT,
    "new_interactions" BIGINT NOT NULL,
    "skips" INTEGER NOT NULL DEFAULT 0,
    "checked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "dataset_id" UUID,
    "made_dataset" BOOLEAN NOT NULL DEFAULT false,
    "up_to" BIGINT,
    "experiment_id" UUID,
    "evaluation_id" UUID,
    "refit_run_id" UUID,
    "previous_checkpoint_id" UUID,
    "new_checkpoint_id" UUID,
    "verdict" JSONB,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "refreshes_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "refreshes_deployment_name_created_at_id_idx" ON "refreshes"("deployment_name", "created_at", "id");
CREATE INDEX "refreshes_dataset_id_idx" ON "refreshes"("dataset_id");
CREATE INDEX "refreshes_experiment_id_idx" ON "refreshes"("experiment_id");
CREATE INDEX "refreshes_evaluation_id_idx" ON "refreshes"("evaluation_id");
CREATE INDEX "refreshes_refit_run_id_idx" ON "refreshes"("refit_run_id");
CREATE INDEX "refreshes_previous_checkpoint_id_idx" ON "refreshes"("previous_checkpoint_id");
CREATE INDEX "refreshes_new_checkpoint_id_idx" ON "refreshes"("new_checkpoint_id");
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "datasets"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_experiment_id_fkey" FOREIGN KEY ("experiment_id") REFERENCES "experiments"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_evaluation_id_fkey" FOREIGN KEY ("evaluation_id") REFERENCES "evaluations"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_refit_run_id_fkey" FOREIGN KEY ("refit_run_id") REFERENCES "runs"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_previous_checkpoint_id_fkey" FOREIGN KEY ("previous_checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "refreshes" ADD CONSTRAINT "refreshes_new_checkpoint_id_fkey" FOREIGN KEY ("new_checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE SET NULL ON UPDATE CASCADE;

-- Who deployed, why, from which refresh and with which numbers. Of what was deployed before nobody knows.
ALTER TABLE "deployment_history" ADD COLUMN "by" TEXT,
ADD COLUMN "cause" TEXT NOT NULL DEFAULT 'deploy',
ADD COLUMN "reason" TEXT,
ADD COLUMN "refresh_id" UUID,
ADD COLUMN "numbers" JSONB;
CREATE INDEX "deployment_history_refresh_id_idx" ON "deployment_history"("refresh_id");
ALTER TABLE "deployment_history" ADD CONSTRAINT "deployment_history_refresh_id_fkey" FOREIGN KEY ("refresh_id") REFERENCES "refreshes"("id") ON DELETE SET NULL ON UPDATE CASCADE;
