-- A row without an id of its sender's needs no place among the ids: one index less to write for it. One index after the other, so that
-- the same id counts once all the time.
CREATE UNIQUE INDEX "feed_interactions_event_id_key" ON "feed_interactions"("feed_id", "event_id") WHERE (event_id IS NOT NULL);
DROP INDEX "feed_interactions_feed_id_event_id_key";
