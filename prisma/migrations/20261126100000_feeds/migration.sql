-- Feeds: interactions that keep coming. The caller's ids stand once, in feed_users and feed_items; rows name them by number, so that
-- ten million rows and their indexes stay small, and a person who is erased is named nowhere.
CREATE TABLE "feeds" (
    "id" SERIAL NOT NULL,
    "name" TEXT NOT NULL,
    "interactions" BIGINT NOT NULL DEFAULT 0,
    "users" BIGINT NOT NULL DEFAULT 0,
    "items" BIGINT NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feeds_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "feeds_name_key" ON "feeds"("name");

CREATE TABLE "feed_users" (
    "feed_id" INTEGER NOT NULL,
    "key" BIGSERIAL NOT NULL,
    "id" TEXT NOT NULL,

    CONSTRAINT "feed_users_pkey" PRIMARY KEY ("feed_id","key")
);
CREATE UNIQUE INDEX "feed_users_feed_id_id_key" ON "feed_users"("feed_id", "id");
ALTER TABLE "feed_users" ADD CONSTRAINT "feed_users_feed_id_fkey" FOREIGN KEY ("feed_id") REFERENCES "feeds"("id") ON DELETE CASCADE ON UPDATE CASCADE;

CREATE TABLE "feed_items" (
    "feed_id" INTEGER NOT NULL,
    "key" BIGSERIAL NOT NULL,
    "id" TEXT NOT NULL,
    "title" TEXT,
    "tags" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "available" BOOLEAN NOT NULL DEFAULT true,

    CONSTRAINT "feed_items_pkey" PRIMARY KEY ("feed_id","key")
);
CREATE UNIQUE INDEX "feed_items_feed_id_id_key" ON "feed_items"("feed_id", "id");
ALTER TABLE "feed_items" ADD CONSTRAINT "feed_items_feed_id_fkey" FOREIGN KEY ("feed_id") REFERENCES "feeds"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- No foreign keys here: whoever writes holds the feed's row, and two checks a row would cost more than the row.
CREATE TABLE "feed_interactions" (
    "feed_id" INTEGER NOT NULL,
    "user_key" BIGINT NOT NULL,
    "item_key" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "value" DOUBLE PRECISION,
    "event_id" TEXT,

    CONSTRAINT "feed_interactions_pkey" PRIMARY KEY ("user_key","at","item_key")
);
CREATE UNIQUE INDEX "feed_interactions_feed_id_event_id_key" ON "feed_interactions"("feed_id", "event_id");
CREATE INDEX "feed_interactions_feed_id_at_user_key_item_key_idx" ON "feed_interactions"("feed_id", "at", "user_key", "item_key");
CREATE INDEX "feed_interactions_item_key_at_user_key_idx" ON "feed_interactions"("item_key", "at", "user_key");

-- What a snapshot is of: {name, at, rows}.
ALTER TABLE "datasets" ADD COLUMN "feed" JSONB;
