-- What was answered to whom, so that what people then do can be told as an outcome. An item is four bytes of its digest, so that an
-- answer of twenty takes 104 bytes whatever ids look like. No foreign keys: they would cost more than the row.
CREATE TABLE "answers" (
    "id" TEXT NOT NULL,
    "deployment_name" TEXT NOT NULL,
    "feed_id" INTEGER NOT NULL,
    "checkpoint_id" UUID NOT NULL,
    "tier" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "user_id" TEXT,
    "items" INTEGER[],

    CONSTRAINT "answers_pkey" PRIMARY KEY ("id")
);
-- For what is too old.
CREATE INDEX "answers_deployment_name_at_idx" ON "answers"("deployment_name", "at");
-- For erasure.
CREATE INDEX "answers_user_id_idx" ON "answers"("user_id");

-- How many there were, also of those that were not recorded: what is counted by hours need not be counted one by one.
CREATE TABLE "answer_hours" (
    "deployment_name" TEXT NOT NULL,
    "checkpoint_id" UUID NOT NULL,
    "tier" TEXT NOT NULL,
    "hour" TIMESTAMPTZ(3) NOT NULL,
    "answered" BIGINT NOT NULL,
    "recorded" BIGINT NOT NULL,

    CONSTRAINT "answer_hours_pkey" PRIMARY KEY ("deployment_name","hour","checkpoint_id","tier")
);

ALTER TABLE "feed_interactions" ADD COLUMN "recommendation_id" TEXT;
CREATE INDEX "feed_interactions_at_recommendation_id_idx" ON "feed_interactions"("at", "recommendation_id") WHERE (recommendation_id IS NOT NULL);

-- Raised by each erasure, under the lock under which answers are written: what was answered before it is not written after it.
ALTER TABLE "feeds" ADD COLUMN "erasures" BIGINT NOT NULL DEFAULT 0;
