-- An evaluation may be on another dataset than the run's own.
ALTER TABLE "evaluations" ADD COLUMN "dataset_id" UUID REFERENCES "datasets"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE "evaluations" ADD COLUMN "learnt_from" INTEGER;
ALTER TABLE "evaluations" ADD COLUMN "unknown_items" INTEGER;
CREATE INDEX "evaluations_dataset_id_idx" ON "evaluations"("dataset_id");
