-- Keys that the API makes, beside those of API_KEYS. Of a key only its digest is here.
CREATE TYPE "KeyScope" AS ENUM ('serve', 'data', 'train', 'admin');

CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "scope" "KeyScope" NOT NULL,
    "prefix" TEXT NOT NULL,
    "digest" TEXT NOT NULL,
    "rate_limit" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "api_keys_digest_key" ON "api_keys"("digest");
-- A name may be given again once its key is revoked.
CREATE UNIQUE INDEX "api_keys_name_key" ON "api_keys"("name") WHERE (revoked_at IS NULL);
CREATE INDEX "api_keys_created_at_id_idx" ON "api_keys"("created_at", "id");

-- Requests that change something. No foreign keys: it outlives what it is about.
CREATE TABLE "audit_log" (
    "id" BIGSERIAL NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "key_id" UUID,
    "by" TEXT,
    "route" TEXT NOT NULL,
    "resource" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "status" INTEGER,
    "times" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "audit_log_at_idx" ON "audit_log"("at");
CREATE INDEX "audit_log_by_id_idx" ON "audit_log"("by", "id");
