-- Crashes counted so far are forgiven: of an open job nobody knows between which epochs they fell.
ALTER TABLE "jobs" ADD COLUMN "crashes_in_place" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "runs" ADD COLUMN "furthest_epoch" INTEGER NOT NULL DEFAULT 0;
UPDATE "runs" SET "furthest_epoch" = "epoch";
