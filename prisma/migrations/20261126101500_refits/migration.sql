-- A refit is a run of its own beside the one that vouches for it.
ALTER TABLE "experiments" ADD COLUMN "refit" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "runs" ADD COLUMN "best_steps" BIGINT;
ALTER TABLE "runs" ADD COLUMN "refit_of_id" UUID REFERENCES "runs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
CREATE INDEX "runs_refit_of_id_idx" ON "runs"("refit_of_id");
ALTER TABLE "deployments" ADD COLUMN "leaves_out" JSONB;
