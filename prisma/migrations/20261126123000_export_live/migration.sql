-- An export of a deployment with a feed counts what people have met since the dataset.
ALTER TABLE "exports" ADD COLUMN "live" JSONB;
