CREATE TABLE "artifact_removals" (
  "key" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "artifact_removals_pkey" PRIMARY KEY ("key")
);
CREATE INDEX "artifact_removals_created_at_idx" ON "artifact_removals"("created_at");
