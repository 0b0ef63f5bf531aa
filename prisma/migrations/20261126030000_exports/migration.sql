-- The fourth kind of job. The new value may be used once this is committed.
ALTER TYPE "JobKind" ADD VALUE 'export';

CREATE TABLE "exports" (
    "id" UUID NOT NULL,
    "deployment_name" TEXT NOT NULL,
    "run_id" UUID NOT NULL,
    "checkpoint_id" UUID,
    "epoch" INTEGER NOT NULL,
    "n" INTEGER NOT NULL,
    "format" TEXT NOT NULL,
    "explain" BOOLEAN NOT NULL,
    "users" JSONB NOT NULL DEFAULT '[]',
    "users_asked" INTEGER,
    "hidden" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "users_done" INTEGER NOT NULL DEFAULT 0,
    "users_total" INTEGER,
    "artifact_key" TEXT,
    "rows" BIGINT,
    "bytes" BIGINT,
    "sha256" TEXT,
    "unknown_users" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "exports_pkey" PRIMARY KEY ("id")
);

CREATE INDEX "exports_created_at_id_idx" ON "exports"("created_at", "id");
CREATE INDEX "exports_run_id_idx" ON "exports"("run_id");
CREATE INDEX "exports_checkpoint_id_idx" ON "exports"("checkpoint_id");

ALTER TABLE "exports" ADD CONSTRAINT "exports_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "exports" ADD CONSTRAINT "exports_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "exports" ADD CONSTRAINT "exports_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE SET NULL ON UPDATE CASCADE;
