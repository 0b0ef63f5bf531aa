// All configurations that were tested on a dataset under one protocol, whichever experiment they are of.
import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { type Better, betterBy } from "../comparisons/verdict.js";
import { labelsOf } from "../experiments/labels.js";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { IdParams, Named, Nullable, Protocol, problems, Uuid } from "../http/schemas.js";
import { AT_ONE_MOMENT, type Transaction } from "../plugins/prisma.js";
import { Effort, effortsOf } from "../searches/effort.js";
import { IS_PRUNED, IS_REPORTED } from "../searches/trial-state.js";
import { protocolOf } from "../views/measures.js";
import { type BestMetrics, bestMetrics } from "../views/run.js";
import { meansOf, SeedMean } from "../views/seed-means.js";

/** The newest. */
const MOST_RUNS = 2_000;

const Place = Type.Object(
	{
		model: Type.String(),
		config: Type.Record(Type.String(), Type.Unknown()),
		configHash: Type.String(),
		label: Type.String({
			description: "The fields by which its configuration differs from others of its model here; may be empty.",
		}),
		runs: Type.Array(
			Type.Object(
				{
					id: Uuid,
					seed: Type.Integer(),
					experiment: Named,
					users: Nullable(
						Type.Integer({
							description:
								"Whose values its test, or an evaluation that measured the same, has left: what runs are compared by. null: nobody's.",
						}),
					),
				},
				{ title: "LeaderboardRun" },
			),
			{ description: "One a seed, the newest." },
		),
		openSeeds: Type.Integer({ description: "Further seeds that wait or are being trained: the means are not all in." }),
		metrics: Type.Record(Type.String(), SeedMean, { description: "test.recall@20, valid.recall@20, ..." }),
		seconds: SeedMean,
		peakMemoryBytes: Nullable(Type.Integer({ description: "The most of its runs." })),
		parameters: Nullable(Type.Integer({ description: "Of its newest run." })),
		effort: Effort,
	},
	{ title: "LeaderboardGroup", description: "Runs that differ in nothing but their seed." },
);
const Leaderboard = Type.Object(
	{
		dataset: Named,
		protocol: Nullable(Protocol),
		protocols: Type.Array(
			Type.Object({ protocol: Protocol, groups: Type.Integer() }, { title: "LeaderboardProtocol" }),
			{ description: "All that something was tested under, the newest first." },
		),
		groups: Type.Array(Place, {
			description: "By the mean of the test's first metric, the best first; the highest where neither way is better.",
		}),
		isWhole: Type.Boolean({
			description: `Whether there are no runs but the newest ${MOST_RUNS}, which these are of.`,
		}),
	},
	{ title: "Leaderboard" },
);

interface ProtocolRow {
	maskTest: string;
	cutoffs: number[];
	metrics: string[];
	protocolHash: string;
	groups: number;
}
interface RunRow {
	id: string;
	model: string;
	config: Record<string, unknown>;
	configHash: string;
	processes: number;
	seed: number;
	experimentId: string;
	experimentName: string;
	seconds: number | null;
	peakMemoryBytes: bigint | null;
	parameters: bigint | null;
	users: number | null;
}

const TESTED = Prisma.sql`FROM runs r JOIN jobs j ON j.id = r.id JOIN experiments e ON e.id = r.experiment_id
	WHERE j.state = 'SUCCEEDED' AND r.refit_of_id IS NULL AND NOT ${IS_PRUNED} AND ${IS_REPORTED}`;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/datasets/:id/leaderboard",
		{
			config: { access: ["data", "train"] },
			schema: {
				tags: ["comparisons"],
				operationId: "getLeaderboard",
				summary: "Every configuration tested on the dataset under one protocol, across experiments",
				params: IdParams,
				querystring: Type.Object(
					{
						protocol: Type.Optional(
							Type.String({ pattern: "^[0-9a-f]{64}$", description: "Its hash; the one used last unless given." }),
						),
					},
					{ additionalProperties: false },
				),
				response: { 200: Leaderboard, ...problems },
			},
		},
		async ({ params, query }) => {
			const better = betterBy(await app.catalogue.metrics());
			return app.prisma.$transaction((tx) => leaderboard(tx, params.id, better, query.protocol), AT_ONE_MOMENT);
		},
	);
};
export default routes;

async function leaderboard(
	tx: Transaction,
	id: string,
	better: Better,
	asked: string | undefined,
): Promise<Static<typeof Leaderboard>> {
	const dataset = await tx.dataset.findUnique({ where: { id }, select: { id: true, name: true } });
	if (!dataset) throw new ApiError("not_found", "There is no dataset with this id.");
	const protocols = await tx.$queryRaw<ProtocolRow[]>`
		SELECT e.protocol_hash AS "protocolHash", e.mask_test AS "maskTest", e.cutoffs, e.metrics,
			count(DISTINCT r.config_hash)::int AS groups
		${TESTED} AND r.dataset_id = ${id}::uuid GROUP BY 1, 2, 3, 4 ORDER BY max(j.finished_at) DESC`;
	const shown = asked === undefined ? protocols[0] : protocols.find(({ protocolHash }) => protocolHash === asked);
	if (asked !== undefined && !shown) throw new ApiError("not_found", "Nothing was tested on it under this protocol.");
	const runs = shown ? await newestOfSeeds(tx, id, shown.protocolHash) : [];
	const metrics = await bestMetrics(
		tx,
		runs.slice(0, MOST_RUNS).map((run) => run.id),
	);
	const openSeeds = shown ? await openSeedsOf(tx, id, shown.protocolHash, runs) : new Map<string, number>();
	const effortOf = await effortsOf(tx, [id], [...new Set(runs.map((run) => run.configHash))]);
	const places = placesOf(runs.slice(0, MOST_RUNS), metrics);
	const groups = places.map((place) => ({
		...place,
		openSeeds: openSeeds.get(place.configHash) ?? 0,
		effort: effortOf(id, place.configHash),
	}));
	const first = `${shown?.metrics[0]}@${shown?.cutoffs[0]}`;
	const sign = better(first) === "lower" ? -1 : 1;
	const by = ({ metrics }: (typeof groups)[number]) => {
		const mean = metrics[`test.${first}`]?.mean ?? null;
		return mean === null ? Number.NEGATIVE_INFINITY : sign * mean;
	};
	return {
		dataset,
		protocol: shown ? protocolOf(shown) : null,
		protocols: protocols.map((row) => ({ protocol: protocolOf(row), groups: row.groups })),
		groups: groups.sort((a, b) => by(b) - by(a) || 0),
		isWhole: runs.length <= MOST_RUNS,
	};
}

/**
 * Of the same configuration and seed the newest: the same work done twice is no sample. A trial goes once its configuration was trained
 * otherwise: the seed that chose it is no sample either. One more than are shown.
 */
const newestOfSeeds = (tx: Transaction, dataset: string, protocol: string) =>
	tx.$queryRaw<RunRow[]>`
		WITH tested AS (
			SELECT r.id, r.model, r.config, r.config_hash AS "configHash", r.processes, r.seed,
				e.id AS "experimentId", e.name AS "experimentName", r.train_seconds AS seconds,
				r.peak_memory_bytes AS "peakMemoryBytes", r.parameters, j.finished_at,
				coalesce(CASE WHEN r.values_key IS NOT NULL THEN r.values_users END, (
					SELECT v.values_users FROM evaluations v WHERE v.run_id = r.id AND v.split = 'test' AND v.dataset_id IS NULL
						AND v.protocol_hash = e.protocol_hash AND v.epoch = r.best_epoch AND v.values_key IS NOT NULL LIMIT 1)) AS users,
				r.search_id IS NOT NULL AS is_trial, bool_or(r.search_id IS NULL) OVER (PARTITION BY r.config_hash) AS has_others
			${TESTED} AND r.dataset_id = ${dataset}::uuid AND e.protocol_hash = ${protocol}
		)
		SELECT * FROM (
			SELECT DISTINCT ON ("configHash", seed) * FROM tested WHERE NOT (is_trial AND has_others)
			ORDER BY "configHash", seed, finished_at DESC, id
		) newest ORDER BY finished_at DESC, id LIMIT ${MOST_RUNS + 1}`;

/** By configuration. A seed that is in and is trained once more is none of them. */
async function openSeedsOf(
	tx: Transaction,
	dataset: string,
	protocol: string,
	done: RunRow[],
): Promise<Map<string, number>> {
	const rows = await tx.$queryRaw<Pick<RunRow, "configHash" | "seed">[]>`
		SELECT DISTINCT r.config_hash AS "configHash", r.seed
		FROM runs r JOIN jobs j ON j.id = r.id JOIN experiments e ON e.id = r.experiment_id
		WHERE j.state IN ('QUEUED', 'RUNNING') AND r.refit_of_id IS NULL AND r.search_id IS NULL
			AND r.dataset_id = ${dataset}::uuid AND e.protocol_hash = ${protocol}`;
	const isIn = new Set(done.map(({ configHash, seed }) => `${configHash} ${seed}`));
	const open = rows.filter(({ configHash, seed }) => !isIn.has(`${configHash} ${seed}`));
	return open.reduce(
		(all, { configHash }) => all.set(configHash, (all.get(configHash) ?? 0) + 1),
		new Map<string, number>(),
	);
}

function placesOf(
	runs: RunRow[],
	metrics: Map<string, BestMetrics>,
): Omit<Static<typeof Place>, "effort" | "openSeeds">[] {
	const byHash = new Map<string, [RunRow, ...RunRow[]]>();
	for (const run of runs) {
		const known = byHash.get(run.configHash);
		if (known) known.push(run);
		else byHash.set(run.configHash, [run]);
	}
	const groups = [...byHash.values()];
	const labels = labelsOf(groups.map(([first]) => first));
	return groups.map((members, index) => {
		const [{ model, config, configHash, parameters }] = members;
		const bytes = members.flatMap(({ peakMemoryBytes }) => (peakMemoryBytes === null ? [] : [Number(peakMemoryBytes)]));
		return {
			model,
			config,
			configHash,
			label: labels[index] as string,
			runs: members
				.map(({ id, seed, users, experimentId, experimentName }) => ({
					id,
					seed,
					users,
					experiment: { id: experimentId, name: experimentName },
				}))
				.sort((a, b) => a.seed - b.seed),
			metrics: meansOf(members.map(({ id }) => measured(metrics.get(id) ?? {}))),
			seconds: meansOf(members.map(({ seconds }) => ({ seconds }))).seconds ?? NOTHING,
			peakMemoryBytes: bytes.length > 0 ? Math.max(...bytes) : null,
			parameters: parameters === null ? null : Number(parameters),
		};
	});
}

const NOTHING = { mean: null, deviation: null, n: 0 };

/** Without what training says of itself. */
const measured = (metrics: BestMetrics) =>
	Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith("train.")));
