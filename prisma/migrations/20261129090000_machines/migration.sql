-- Who does the work: a worker and the trainer beside it.
CREATE TABLE "machines" (
    "name" TEXT NOT NULL,
    "class" TEXT NOT NULL,
    "devices" JSONB NOT NULL,
    "memory_bytes" BIGINT NOT NULL,
    "slots" INTEGER NOT NULL,
    "versions" JSONB NOT NULL,
    "instance" UUID,
    "registered_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "heard_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "draining_since" TIMESTAMPTZ(3),

    CONSTRAINT "machines_pkey" PRIMARY KEY ("name")
);
-- Which machines may do a job, and which one does, or did so last. No foreign key: a machine is forgotten, its work is not.
ALTER TABLE "jobs" ADD COLUMN "machine_class" TEXT, ADD COLUMN "machine" TEXT;
