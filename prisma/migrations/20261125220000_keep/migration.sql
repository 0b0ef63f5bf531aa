ALTER TABLE "experiments" ADD COLUMN "keep_checkpoints" TEXT NOT NULL DEFAULT 'best+last', ADD COLUMN "keep_runs" INTEGER;
ALTER TABLE "runs" ADD COLUMN "checkpoints_removed_at" TIMESTAMPTZ(3);

-- An evaluation outlives its checkpoint: it says itself which epoch it measured.
ALTER TABLE "evaluations" ADD COLUMN "epoch" INTEGER;
UPDATE "evaluations" SET "epoch" = c."epoch" FROM "checkpoints" c WHERE c."id" = "checkpoint_id";
ALTER TABLE "evaluations" ALTER COLUMN "epoch" SET NOT NULL;
ALTER TABLE "evaluations" ALTER COLUMN "checkpoint_id" DROP NOT NULL;
ALTER TABLE "evaluations" DROP CONSTRAINT "evaluations_checkpoint_id_fkey";
ALTER TABLE "evaluations" ADD CONSTRAINT "evaluations_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE SET NULL ON UPDATE CASCADE;
CREATE INDEX "evaluations_checkpoint_id_idx" ON "evaluations"("checkpoint_id");
