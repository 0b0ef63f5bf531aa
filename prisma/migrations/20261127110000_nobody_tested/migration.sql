-- Where the test part has no items nobody was tested; the means over nobody were stored as 0.
UPDATE "metrics" m SET "value" = 'NaN' FROM "runs" r JOIN "datasets" d ON d."id" = r."dataset_id"
	WHERE m."run_id" = r."id" AND m."split" = 'test' AND m."name" <> 'uniformity' AND (d."statistics"->>'test')::bigint = 0;
