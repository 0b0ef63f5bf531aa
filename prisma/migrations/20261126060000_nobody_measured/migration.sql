-- Where a split has no items nobody was measured; the means over nobody were stored as 0.
UPDATE "runs" r SET "best_value" = NULL FROM "datasets" d WHERE d."id" = r."dataset_id" AND (d."statistics"->>'valid')::bigint = 0;
UPDATE "metrics" m SET "value" = 'NaN' FROM "runs" r JOIN "datasets" d ON d."id" = r."dataset_id"
	WHERE m."run_id" = r."id" AND m."split" = 'valid' AND (d."statistics"->>'valid')::bigint = 0;
UPDATE "evaluations" SET "metrics" = (SELECT jsonb_object_agg(name, NULL) FROM jsonb_object_keys("metrics") name)
	WHERE "users" = 0 AND jsonb_typeof("metrics") = 'object' AND "metrics" <> '{}'::jsonb;
