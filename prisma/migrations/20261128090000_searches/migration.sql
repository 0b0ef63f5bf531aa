-- Configurations that are looked for, trial by trial; a trial is a run.
CREATE TABLE "searches" (
    "id" UUID NOT NULL,
    "experiment_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "model" TEXT NOT NULL,
    "params" JSONB NOT NULL,
    "strategy" TEXT NOT NULL,
    "trials" INTEGER NOT NULL,
    "space" JSONB NOT NULL,
    "prune" TEXT,
    "seed" INTEGER NOT NULL,
    "confirmed_by_id" UUID,

    CONSTRAINT "searches_pkey" PRIMARY KEY ("id")
);

ALTER TABLE "runs" ADD COLUMN "search_id" UUID, ADD COLUMN "trial" INTEGER, ADD COLUMN "chosen" JSONB;

CREATE UNIQUE INDEX "searches_experiment_id_position_key" ON "searches"("experiment_id", "position");
CREATE INDEX "searches_confirmed_by_id_idx" ON "searches"("confirmed_by_id");
CREATE UNIQUE INDEX "runs_search_id_trial_key" ON "runs"("search_id", "trial");

ALTER TABLE "searches" ADD CONSTRAINT "searches_experiment_id_fkey" FOREIGN KEY ("experiment_id") REFERENCES "experiments"("id") ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE "searches" ADD CONSTRAINT "searches_confirmed_by_id_fkey" FOREIGN KEY ("confirmed_by_id") REFERENCES "experiments"("id") ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE "runs" ADD CONSTRAINT "runs_search_id_fkey" FOREIGN KEY ("search_id") REFERENCES "searches"("id") ON DELETE CASCADE ON UPDATE CASCADE;
