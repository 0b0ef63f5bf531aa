-- How much was tried before a winner was found stays with what confirms it: its search may be deleted.
ALTER TABLE "experiments" ADD COLUMN "confirmed_trials" INTEGER;

UPDATE "experiments" e SET "confirmed_trials" = (SELECT count(*) FROM "runs" r WHERE r."search_id" = s."id" AND r."chosen" IS NOT NULL)
FROM "searches" s WHERE s."confirmed_by_id" = e."id";
