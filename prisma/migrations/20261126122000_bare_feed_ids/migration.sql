-- The first version of feeds took ids with blanks around them, which every import takes away: the same person was two, and what they did
-- since the dataset was nobody's. Each becomes what an import makes of it; rows that are then the same count once, the first one.
LOCK TABLE "feeds" IN EXCLUSIVE MODE;

CREATE TEMP TABLE blank_users AS
SELECT u.feed_id, u.key, b.id,
    coalesce((SELECT k.key FROM feed_users k WHERE k.feed_id = u.feed_id AND k.id = b.id), min(u.key) OVER (PARTITION BY u.feed_id, b.id)) AS target
FROM feed_users u, LATERAL (SELECT btrim(u.id, E' \t\u00a0\u2002\u2003\u2009\u3000') AS id) b
WHERE b.id <> u.id;

CREATE TEMP TABLE blank_items AS
SELECT u.feed_id, u.key, b.id,
    coalesce((SELECT k.key FROM feed_items k WHERE k.feed_id = u.feed_id AND k.id = b.id), min(u.key) OVER (PARTITION BY u.feed_id, b.id)) AS target
FROM feed_items u, LATERAL (SELECT btrim(u.id, E' \t\u00a0\u2002\u2003\u2009\u3000') AS id) b
WHERE b.id <> u.id;

CREATE TEMP TABLE blank_rows AS
SELECT r.* FROM feed_interactions r JOIN blank_users u ON u.key = r.user_key
UNION
SELECT r.* FROM feed_interactions r JOIN blank_items i ON i.key = r.item_key;

DELETE FROM feed_interactions r USING blank_rows b WHERE r.user_key = b.user_key AND r.at = b.at AND r.item_key = b.item_key;
INSERT INTO feed_interactions (feed_id, user_key, item_key, at, value, event_id, seq)
SELECT r.feed_id, coalesce(u.target, r.user_key), coalesce(i.target, r.item_key), r.at, r.value, r.event_id, r.seq
FROM blank_rows r LEFT JOIN blank_users u ON u.key = r.user_key LEFT JOIN blank_items i ON i.key = r.item_key
-- An id of blanks alone is none.
WHERE u.id IS DISTINCT FROM '' AND i.id IS DISTINCT FROM ''
ORDER BY r.seq
ON CONFLICT DO NOTHING;

DELETE FROM feed_users u USING blank_users b WHERE u.key = b.key AND (b.key <> b.target OR b.id = '');
UPDATE feed_users u SET id = b.id FROM blank_users b WHERE u.key = b.key;
DELETE FROM feed_items i USING blank_items b WHERE i.key = b.key AND (b.key <> b.target OR b.id = '');
UPDATE feed_items i SET id = b.id FROM blank_items b WHERE i.key = b.key;
-- Whose only rows were of an item without a name.
DELETE FROM feed_users u USING blank_rows b
WHERE u.key = b.user_key AND NOT EXISTS (SELECT 1 FROM feed_interactions r WHERE r.user_key = u.key);

UPDATE feeds f SET
    interactions = (SELECT count(*) FROM feed_interactions r WHERE r.feed_id = f.id),
    users = (SELECT count(*) FROM feed_users u WHERE u.feed_id = f.id),
    items = (SELECT count(*) FROM feed_items i WHERE i.feed_id = f.id),
    removals = removals + 1, described = described + 1
WHERE id IN (SELECT feed_id FROM blank_users UNION SELECT feed_id FROM blank_items);

DROP TABLE blank_rows;
DROP TABLE blank_users;
DROP TABLE blank_items;
