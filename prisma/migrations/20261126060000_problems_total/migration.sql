-- How many problems an import found, also one that failed: of them at most 100 are kept.
ALTER TABLE "datasets" ADD COLUMN "problems_total" INTEGER NOT NULL DEFAULT 0;
UPDATE "datasets" SET "problems_total" = jsonb_array_length("problems");
