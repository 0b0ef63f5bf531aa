CREATE TYPE "JobKind" AS ENUM ('run', 'import', 'evaluation');
CREATE TYPE "JobState" AS ENUM ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED');

CREATE TABLE "jobs" (
  "id" UUID NOT NULL,
  "kind" "JobKind" NOT NULL,
  "state" "JobState" NOT NULL DEFAULT 'QUEUED',
  "lease" INTEGER NOT NULL DEFAULT 0,
  "crashes" INTEGER NOT NULL DEFAULT 0,
  "cancel_requested_at" TIMESTAMPTZ(3),
  "queued_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "started_at" TIMESTAMPTZ(3),
  "heartbeat_at" TIMESTAMPTZ(3),
  "finished_at" TIMESTAMPTZ(3),
  "error_code" TEXT,
  "error_message" TEXT,
  "event_seq" INTEGER NOT NULL DEFAULT 0,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "jobs_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "jobs_state_heartbeat_at_idx" ON "jobs"("state", "heartbeat_at");
CREATE INDEX "jobs_kind_state_queued_at_idx" ON "jobs"("kind", "state", "queued_at");

CREATE TABLE "job_events" (
  "job_id" UUID NOT NULL,
  "seq" INTEGER NOT NULL,
  "type" TEXT NOT NULL,
  "data" JSONB NOT NULL,
  "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "job_events_pkey" PRIMARY KEY ("job_id", "seq"),
  CONSTRAINT "job_events_job_id_fkey" FOREIGN KEY ("job_id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "datasets" (
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "digest" TEXT NOT NULL,
  "rule" JSONB NOT NULL,
  "files" JSONB NOT NULL,
  "artifact_key" TEXT,
  "split_digest" TEXT,
  "statistics" JSONB,
  "problems" JSONB NOT NULL DEFAULT '[]',
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "datasets_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "datasets_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "datasets_digest_key" ON "datasets"("digest");
CREATE INDEX "datasets_created_at_id_idx" ON "datasets"("created_at", "id");

CREATE TABLE "experiments" (
  "id" UUID NOT NULL,
  "name" TEXT NOT NULL,
  "dataset_id" UUID NOT NULL,
  "spec" JSONB NOT NULL,
  "mask_test" TEXT NOT NULL,
  "cutoffs" INTEGER[],
  "protocol_hash" TEXT NOT NULL,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "experiments_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "experiments_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "datasets"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "experiments_created_at_id_idx" ON "experiments"("created_at", "id");
CREATE INDEX "experiments_dataset_id_idx" ON "experiments"("dataset_id");

CREATE TABLE "runs" (
  "id" UUID NOT NULL,
  "experiment_id" UUID NOT NULL,
  "dataset_id" UUID NOT NULL,
  "model" TEXT NOT NULL,
  "config" JSONB NOT NULL,
  "config_hash" TEXT NOT NULL,
  "seed" INTEGER NOT NULL,
  "position" INTEGER NOT NULL,
  "epoch" INTEGER NOT NULL DEFAULT 0,
  "max_epochs" INTEGER,
  "epoch_fraction" DOUBLE PRECISION NOT NULL DEFAULT 0,
  "seconds_left" DOUBLE PRECISION,
  "best_epoch" INTEGER,
  "best_value" DOUBLE PRECISION,
  "device" TEXT,
  "torch_version" TEXT,
  "code_version" TEXT,
  "parameters" BIGINT,
  "parameters_sha256" TEXT,
  "train_seconds" DOUBLE PRECISION,
  "peak_memory_bytes" BIGINT,
  "stop_reason" TEXT,
  CONSTRAINT "runs_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "runs_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "runs_experiment_id_fkey" FOREIGN KEY ("experiment_id") REFERENCES "experiments"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "runs_dataset_id_fkey" FOREIGN KEY ("dataset_id") REFERENCES "datasets"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "runs_experiment_id_position_key" ON "runs"("experiment_id", "position");
CREATE INDEX "runs_model_idx" ON "runs"("model");

CREATE TABLE "metrics" (
  "run_id" UUID NOT NULL,
  "split" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "epoch" INTEGER NOT NULL,
  "value" DOUBLE PRECISION NOT NULL,
  CONSTRAINT "metrics_pkey" PRIMARY KEY ("run_id", "split", "name", "epoch"),
  CONSTRAINT "metrics_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id") ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE "checkpoints" (
  "id" UUID NOT NULL,
  "run_id" UUID NOT NULL,
  "epoch" INTEGER NOT NULL,
  "key" TEXT NOT NULL,
  "sha256" TEXT NOT NULL,
  "bytes" BIGINT NOT NULL,
  "is_best" BOOLEAN NOT NULL DEFAULT false,
  "is_last" BOOLEAN NOT NULL DEFAULT false,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "checkpoints_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "checkpoints_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX "checkpoints_key_key" ON "checkpoints"("key");
CREATE UNIQUE INDEX "checkpoints_run_id_epoch_key" ON "checkpoints"("run_id", "epoch");
CREATE INDEX "checkpoints_created_at_id_idx" ON "checkpoints"("created_at", "id");

CREATE TABLE "deployments" (
  "name" TEXT NOT NULL,
  "checkpoint_id" UUID NOT NULL,
  "deployed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "deployments_pkey" PRIMARY KEY ("name"),
  CONSTRAINT "deployments_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);

CREATE TABLE "deployment_history" (
  "id" SERIAL NOT NULL,
  "deployment_name" TEXT NOT NULL,
  "checkpoint_id" UUID NOT NULL,
  "deployed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "deployment_history_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "deployment_history_deployment_name_fkey" FOREIGN KEY ("deployment_name") REFERENCES "deployments"("name") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "deployment_history_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE RESTRICT ON UPDATE CASCADE
);
CREATE INDEX "deployment_history_deployment_name_id_idx" ON "deployment_history"("deployment_name", "id");

CREATE TABLE "evaluations" (
  "id" UUID NOT NULL,
  "run_id" UUID NOT NULL,
  "checkpoint_id" UUID NOT NULL,
  "split" TEXT NOT NULL,
  "mask_test" TEXT NOT NULL,
  "cutoffs" INTEGER[],
  "protocol_hash" TEXT NOT NULL,
  "metrics" JSONB,
  "users" INTEGER,
  "seconds" DOUBLE PRECISION,
  CONSTRAINT "evaluations_pkey" PRIMARY KEY ("id"),
  CONSTRAINT "evaluations_id_fkey" FOREIGN KEY ("id") REFERENCES "jobs"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "evaluations_run_id_fkey" FOREIGN KEY ("run_id") REFERENCES "runs"("id") ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT "evaluations_checkpoint_id_fkey" FOREIGN KEY ("checkpoint_id") REFERENCES "checkpoints"("id") ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX "evaluations_run_id_idx" ON "evaluations"("run_id");

CREATE TABLE "idempotency_keys" (
  "id" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "status" INTEGER,
  "location" TEXT,
  "body" JSONB,
  "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");
