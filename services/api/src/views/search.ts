// How searches appear in answers, with what follows from their trials.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { JobState, Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { MaybeNumber, Named, Nullable, State, Uuid } from "../http/schemas.js";
import { isFinal } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { Dimension, Prune, type Space, Strategy } from "../searches/space.js";
import { TRIAL_STATES, type TrialState, trialState } from "../searches/trial-state.js";
import { finite } from "./job.js";

const Chosen = Type.Record(Type.String(), Type.Unknown());
const counts = Object.fromEntries(TRIAL_STATES.map((state) => [state, Type.Integer()])) as Record<
	TrialState,
	ReturnType<typeof Type.Integer>
>;

export const SearchView = Type.Object(
	{
		id: Uuid,
		experimentId: Uuid,
		model: Type.String(),
		position: Type.Integer({ description: "Of its model in the request." }),
		params: Type.Record(Type.String(), Type.Unknown(), { description: "Fields that every trial has alike." }),
		strategy: Strategy,
		trials: Type.Integer(),
		space: Type.Record(Type.String(), Dimension),
		prune: Nullable(Prune),
		seed: Type.Integer({ description: "Of what is drawn." }),
		counts: Type.Object(counts, { title: "TrialCounts" }),
		best: Nullable(
			Type.Object(
				{ runId: Uuid, number: Type.Integer(), value: Type.Number(), chosen: Chosen },
				{
					title: "BestTrial",
					description: "Of the complete ones, by validation recall at the first cut-off; the first of equals.",
				},
			),
		),
		confirmedBy: Nullable(Named),
		isOver: Type.Boolean({ description: "Whether no trial is waiting or running." }),
	},
	{ title: "Search" },
);

export const SearchDetail = Type.Object(
	{
		...SearchView.properties,
		history: Type.Array(
			Type.Object(
				{
					number: Type.Integer({ description: "From 0." }),
					runId: Uuid,
					state: State,
					stopReason: Nullable(Type.String({ description: "pruned: it fell out and was not tested." })),
					chosen: Nullable(Chosen),
					value: Nullable(Type.Number({ description: "The best so far of its epochs, by validation." })),
					bestSoFar: Nullable(Type.Number({ description: "Of the complete ones up to this number." })),
					epochs: Type.Integer(),
					seconds: MaybeNumber,
				},
				{ title: "SearchTrial" },
			),
			{ description: "By number." },
		),
	},
	{ title: "SearchDetail" },
);

export const SearchImportance = Type.Object(
	{
		fields: Type.Array(Type.Object({ field: Type.String(), share: Type.Number() }, { title: "FieldImportance" }), {
			description:
				"Share of each field in what the value depends on (PED-ANOVA), largest first, together 1; empty where fewer than `leastComplete` trials are complete, or all of them have the same value.",
		}),
		complete: Type.Integer({ description: "Trials that it is of." }),
		leastComplete: Type.Integer({ description: "With fewer complete trials it would be noise." }),
	},
	{ title: "SearchImportance" },
);

const QUERY = {
	include: {
		confirmedBy: { select: { id: true, name: true, runs: { select: { job: { select: { state: true } } } } } },
		runs: {
			select: {
				id: true,
				trial: true,
				chosen: true,
				epoch: true,
				bestValue: true,
				stopReason: true,
				trainSeconds: true,
				job: { select: { state: true } },
			},
			orderBy: { trial: "asc" },
		},
	},
	orderBy: { position: "asc" },
} as const satisfies Prisma.SearchFindManyArgs;
type Row = Prisma.SearchGetPayload<typeof QUERY>;
type Trial = Row["runs"][number];
type Best = Static<typeof SearchView>["best"];

/** Those of an experiment, in the order of its models. */
export async function searchesOf(tx: Transaction, experimentId: string): Promise<Static<typeof SearchView>[]> {
	return (await tx.search.findMany({ ...QUERY, where: { experimentId } })).map(searchView);
}

/** One with its trials. Throws not_found. */
export async function searchDetail(tx: Transaction, id: string): Promise<Static<typeof SearchDetail>> {
	const row = await tx.search.findUnique({ include: QUERY.include, where: { id } });
	if (!row) throw new ApiError("not_found", "There is no search with this id.");
	let bestSoFar: number | null = null;
	const history = row.runs.map((run) => {
		const value = finite(run.bestValue);
		if (stateOf(run) === "complete" && value !== null && value > (bestSoFar ?? Number.NEGATIVE_INFINITY))
			bestSoFar = value;
		return {
			number: run.trial as number,
			runId: run.id,
			state: run.job.state,
			stopReason: run.stopReason,
			chosen: chosenOf(run),
			value,
			bestSoFar,
			epochs: run.epoch,
			seconds: finite(run.trainSeconds),
		};
	});
	return { ...searchView(row), history };
}

/** Nothing is confirmed by an experiment all of whose runs failed or were cancelled: the winner may be trained once more. */
export const confirms = ({ runs }: { runs: { job: { state: JobState } }[] }) =>
	runs.some(({ job: { state } }) => state === "SUCCEEDED" || !isFinal(state));

function searchView({ runs, confirmedById: _confirmedById, confirmedBy, ...row }: Row): Static<typeof SearchView> {
	const counts = Object.fromEntries(TRIAL_STATES.map((state) => [state, 0])) as Record<TrialState, number>;
	for (const run of runs) counts[stateOf(run)]++;
	return {
		...row,
		confirmedBy: confirmedBy && confirms(confirmedBy) ? { id: confirmedBy.id, name: confirmedBy.name } : null,
		params: row.params as Record<string, unknown>,
		strategy: row.strategy as Static<typeof Strategy>,
		space: row.space as Space,
		prune: row.prune as Static<typeof Prune> | null,
		counts,
		best: bestOf(runs),
		isOver: counts.waiting + counts.running === 0,
	};
}

function bestOf(runs: Trial[]): Best {
	return runs.reduce<Best>((best, run) => {
		const value = finite(run.bestValue);
		if (stateOf(run) !== "complete" || value === null || value <= (best?.value ?? Number.NEGATIVE_INFINITY))
			return best;
		return { runId: run.id, number: run.trial as number, value, chosen: chosenOf(run) ?? {} };
	}, null);
}

const stateOf = ({ job, stopReason }: Trial) => trialState(job.state, stopReason);
const chosenOf = ({ chosen }: Trial) => chosen as Record<string, unknown> | null;
