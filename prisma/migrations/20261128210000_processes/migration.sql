-- How many processes train a run together; those there are have one.
ALTER TABLE "runs" ADD COLUMN "processes" INTEGER NOT NULL DEFAULT 1;
