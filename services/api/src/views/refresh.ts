// How a refresh appears in answers: where it stands, what it waits for, and the numbers side by side.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { JobError, MaybeNumber, Named, Nullable, State, Time, Uuid, UuidOf } from "../http/schemas.js";
import type { Transaction } from "../plugins/prisma.js";
import { RefreshSpec } from "../refreshes/rule.js";
import { type Outcome, STEPS, type Step, Verdict } from "../refreshes/verdict.js";
import { errorOf, finite } from "./job.js";

const JobOf = Type.Object({ id: Uuid, state: State }, { title: "RefreshJob" });
const RunOf = Type.Object(
	{ id: Uuid, model: Type.String(), seed: Type.Integer(), state: State, epoch: Type.Integer(), maxEpochs: MaybeNumber },
	{ title: "RefreshRun" },
);
export const RefreshView = Type.Object(
	{
		id: Uuid,
		deployment: Type.String(),
		state: State,
		error: JobError,
		step: Type.Enum([...STEPS], {
			type: "string",
			description: "The one that is under way, or the last that was.",
		}),
		outcome: Nullable(
			Type.Enum(["switched", "refused", "skipped"], {
				type: "string",
				description: "null: open, failed or cancelled.",
			}),
		),
		trigger: Type.Enum(["schedule", "person"], { type: "string" }),
		by: Nullable(Type.String({ description: "Of a person: whose key." })),
		reason: Nullable(Type.String({ description: "What became of it, or what it waits for, in a sentence." })),
		newInteractions: Type.Integer({ description: "Since the snapshot before." }),
		skips: Type.Integer({ description: "Of a skipped one: later times that found too few, up to `checkedAt`." }),
		checkedAt: Time,
		createdAt: Time,
		startedAt: Nullable(Time),
		finishedAt: Nullable(Time),
		cancelRequested: Type.Boolean(),
		spec: RefreshSpec,
		dataset: Nullable(Named),
		experiment: Nullable(Named),
		jobs: Type.Object(
			{
				snapshot: Nullable(JobOf),
				runs: Type.Array(RunOf, { description: "The candidate's, then popularity's." }),
				evaluation: Nullable(JobOf),
				refit: Nullable(RunOf),
			},
			{ title: "RefreshJobs", description: "What it waits for; gone once they are deleted." },
		),
		previousCheckpointId: Nullable(UuidOf("What was deployed when it was compared.")),
		newCheckpointId: Nullable(UuidOf("What it has switched to.")),
		verdict: Nullable(Verdict),
	},
	{ title: "Refresh" },
);
type View = Static<typeof RefreshView>;

const run = { include: { job: true } } as const;
export const refreshInclude = {
	job: true,
	dataset: { include: { job: true } },
	experiment: { include: { runs: { where: { refitOfId: null }, orderBy: { position: "asc" }, ...run } } },
	evaluation: { include: { job: true } },
	refitRun: run,
} as const satisfies Prisma.RefreshInclude;
export type RefreshRow = Prisma.RefreshGetPayload<{ include: typeof refreshInclude }>;
type RunRow = NonNullable<RefreshRow["refitRun"]>;

const jobView = (row: { job: { id: string; state: View["state"] } } | null) =>
	row && { id: row.job.id, state: row.job.state };
const runView = ({ id, model, seed, job, epoch, maxEpochs }: RunRow) => ({
	id,
	model,
	seed,
	state: job.state,
	epoch,
	maxEpochs: finite(maxEpochs),
});
const named = (row: { id: string; name: string } | null) => row && { id: row.id, name: row.name };
const iso = (date: Date | null) => date?.toISOString() ?? null;

export function refreshView(row: RefreshRow): View {
	const { job, verdict } = row;
	return {
		id: row.id,
		deployment: row.deploymentName,
		state: job.state,
		error: errorOf(job),
		step: row.step as Step,
		outcome: row.outcome as Outcome | null,
		trigger: row.trigger as View["trigger"],
		by: row.by,
		reason: reasonOf(row),
		newInteractions: Number(row.newInteractions),
		skips: row.skips,
		checkedAt: row.checkedAt.toISOString(),
		createdAt: row.createdAt.toISOString(),
		startedAt: iso(job.startedAt),
		finishedAt: iso(job.finishedAt),
		cancelRequested: job.cancelRequestedAt !== null,
		spec: row.spec as RefreshSpec,
		dataset: named(row.dataset),
		experiment: named(row.experiment),
		jobs: {
			snapshot: jobView(row.dataset),
			runs: row.experiment?.runs.map(runView) ?? [],
			evaluation: jobView(row.evaluation),
			refit: row.refitRun && runView(row.refitRun),
		},
		previousCheckpointId: row.previousCheckpointId,
		newCheckpointId: row.newCheckpointId,
		verdict: verdict as Verdict | null,
	};
}

const UNDER_WAY: Record<Step, string> = {
	snapshot: "The feed is taken as a dataset.",
	train: "The candidate and popularity are trained and tested.",
	compare: "What is deployed is measured on the new snapshot.",
	refit: "The best run is trained on everything.",
	switch: "The new checkpoint is warmed, then served.",
};

function reasonOf({ job, step, outcome, verdict, spec, newInteractions }: RefreshRow): string | null {
	const { minNew } = spec as RefreshSpec;
	if (outcome === "skipped") return `Skipped: ${newInteractions} new interactions, and ${minNew} are needed.`;
	if (job.state === "FAILED") return `Failed: ${job.errorMessage ?? job.errorCode}`;
	if (job.state === "CANCELLED") return "Cancelled.";
	if (job.state !== "SUCCEEDED") return UNDER_WAY[step as Step];
	return (verdict as Verdict | null)?.reason ?? null;
}

/** In a transaction that sees one moment: a refresh is shown with its jobs. Throws not_found. */
export async function wholeRefresh(tx: Transaction, id: string): Promise<View> {
	const row = await tx.refresh.findUnique({ where: { id }, include: refreshInclude });
	if (!row) throw new ApiError("not_found", "There is no refresh with this id.");
	return refreshView(row);
}
