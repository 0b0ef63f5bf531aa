-- What a name served stays readable when its deployment, its checkpoint, its experiment and its dataset are deleted.
ALTER TABLE "deployment_history"
  DROP CONSTRAINT "deployment_history_deployment_name_fkey",
  DROP CONSTRAINT "deployment_history_checkpoint_id_fkey",
  ALTER COLUMN "checkpoint_id" DROP NOT NULL,
  ADD COLUMN "run_id" UUID,
  ADD COLUMN "model" TEXT,
  ADD COLUMN "epoch" INTEGER,
  ADD COLUMN "experiment_name" TEXT,
  ADD COLUMN "dataset_name" TEXT,
  ADD COLUMN "removed_at" TIMESTAMPTZ(3);
UPDATE "deployment_history" h
  SET "run_id" = r."id", "model" = r."model", "epoch" = c."epoch", "experiment_name" = e."name", "dataset_name" = d."name"
  FROM "checkpoints" c JOIN "runs" r ON r."id" = c."run_id" JOIN "experiments" e ON e."id" = r."experiment_id"
    JOIN "datasets" d ON d."id" = r."dataset_id"
  WHERE c."id" = h."checkpoint_id";
ALTER TABLE "deployment_history"
  ALTER COLUMN "run_id" SET NOT NULL,
  ALTER COLUMN "model" SET NOT NULL,
  ALTER COLUMN "epoch" SET NOT NULL,
  ALTER COLUMN "experiment_name" SET NOT NULL,
  ALTER COLUMN "dataset_name" SET NOT NULL,
  ADD CONSTRAINT "deployment_history_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE SET NULL ON UPDATE CASCADE;
CREATE INDEX "deployment_history_checkpoint_id_idx" ON "deployment_history"("checkpoint_id");
