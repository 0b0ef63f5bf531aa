-- Who was erased from a feed, as a hash of the id: datasets taken before may know them still, and no answer does.
ALTER TABLE "feeds" ADD COLUMN "salt" BYTEA NOT NULL DEFAULT uuid_send(gen_random_uuid());

CREATE TABLE "feed_erasures" (
    "feed_id" INTEGER NOT NULL,
    "digest" BYTEA NOT NULL,
    "seq" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "feed_erasures_pkey" PRIMARY KEY ("feed_id", "digest")
);
CREATE INDEX "feed_erasures_feed_id_seq_idx" ON "feed_erasures"("feed_id", "seq");
ALTER TABLE "feed_erasures" ADD CONSTRAINT "feed_erasures_feed_id_fkey" FOREIGN KEY ("feed_id") REFERENCES "feeds"("id") ON DELETE CASCADE ON UPDATE CASCADE;
