-- What a deployment answers to people it does not know, what it never answers, and what people asked of it.
ALTER TABLE "deployments" ADD COLUMN "fallback" TEXT NOT NULL DEFAULT 'none';
ALTER TABLE "deployments" ADD COLUMN "hidden" TEXT[] DEFAULT ARRAY[]::TEXT[];

CREATE TABLE "steering" (
    "deployment_name" TEXT NOT NULL,
    "user_id" TEXT NOT NULL,
    "interests" JSONB NOT NULL,
    "checkpoint_id" UUID NOT NULL,
    "dataset_id" UUID NOT NULL,
    "until" TIMESTAMPTZ(3),
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "steering_pkey" PRIMARY KEY ("deployment_name","user_id")
);

CREATE INDEX "steering_dataset_id_idx" ON "steering"("dataset_id");

ALTER TABLE "steering" ADD CONSTRAINT "steering_deployment_name_fkey"
    FOREIGN KEY ("deployment_name") REFERENCES "deployments"("name") ON DELETE CASCADE ON UPDATE CASCADE;
