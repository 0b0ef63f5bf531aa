import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type Found, PARTS } from "../artifacts/disk-usage.js";
import { Named, Nullable, problems, Time, Uuid } from "../http/schemas.js";
import type { Measured } from "../plugins/disk.js";
import { Scope } from "../views/key.js";

const Bytes = Type.Integer({ minimum: 0 });
const Totals = Type.Object(
	{
		measuredAt: Time,
		datasets: Bytes,
		runs: Bytes,
		uploads: Bytes,
		exports: Bytes,
		orphans: Type.Integer({ description: "What no row names and nobody is making." }),
		removals: Type.Integer({ description: "What waits to be deleted." }),
		temporary: Type.Integer({ description: "Half-written: being made, or left by a crash until the trainer starts." }),
		unknown: Type.Integer({ description: "Nothing of Valence's by its name; never deleted." }),
		database: Bytes,
		free: Bytes,
		total: Bytes,
	},
	{ title: "DiskTotals", description: "In bytes." },
);
const File = Type.Object({ key: Type.String(), bytes: Bytes, changedAt: Time }, { title: "DiskFile" });
const Counted = Type.Object({
	datasets: Type.Integer(),
	experiments: Type.Integer(),
	runs: Type.Integer(),
	orphans: Type.Integer(),
	temporary: Type.Integer(),
	unknown: Type.Integer(),
});
const Details = Type.Object(
	{
		...Totals.properties,
		counts: Type.Object(Counted.properties, { description: "How many there are, shown or not." }),
		byDataset: Type.Array(Type.Object({ ...Named.properties, bytes: Bytes }, { title: "DiskOfDataset" })),
		byExperiment: Type.Array(
			Type.Object(
				{ ...Named.properties, dataset: Named, runs: Type.Integer(), bytes: Bytes },
				{ title: "DiskOfExperiment" },
			),
		),
		byRun: Type.Array(
			Type.Object(
				{ id: Uuid, experiment: Named, model: Type.String(), seed: Type.Integer(), bytes: Bytes },
				{ title: "DiskOfRun" },
			),
		),
		orphanFiles: Type.Array(File),
		temporaryFiles: Type.Array(File),
		unknownFiles: Type.Array(File),
	},
	{ title: "DiskUse" },
);

const InUse = Type.Object(
	{ name: Type.String(), scope: Scope, expiresAt: Nullable(Time) },
	{ title: "KeyInUse", description: "The key that this was asked with." },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/system",
		{
			config: { access: "any" },
			schema: {
				operationId: "getSystem",
				summary: "What runs here, and how much of the disk it takes",
				tags: ["system"],
				response: {
					200: Type.Object(
						{
							version: Nullable(Type.String()),
							queue: Type.String(),
							authentication: Type.Boolean(),
							key: Nullable(InUse),
							device: Nullable(Type.String()),
							torchVersion: Nullable(Type.String()),
							recommenders: Type.Array(
								Type.Object({ address: Type.String(), up: Type.Boolean() }, { title: "RecommenderInUse" }),
								{ description: "Those that this process asks, and whether each answered a moment ago." },
							),
							disk: Nullable(Totals),
						},
						{ title: "System" },
					),
					...problems,
				},
			},
		},
		async ({ key }) => {
			// What only the trainer knows is null while it is away.
			const [trainer, disk] = await Promise.all([app.catalogue.system().catch(() => null), app.disk.glance()]);
			return {
				version: trainer?.codeVersion ?? null,
				queue: app.queue.backend,
				authentication: app.keys.areNeeded,
				key: key && { name: key.by, scope: key.scope, expiresAt: key.expiresAt?.toISOString() ?? null },
				device: trainer?.device ?? null,
				torchVersion: trainer?.torchVersion ?? null,
				recommenders: app.recommender.endpoints.map(({ address, isUp }) => ({ address, up: isUp })),
				disk: disk && totalsOf(disk),
			};
		},
	);

	app.get(
		"/system/disk",
		{
			config: { access: ["data", "train"] },
			schema: {
				operationId: "getDiskUse",
				summary: "Disk use by dataset, experiment and run, the largest first, and what nobody names",
				tags: ["system"],
				querystring: Type.Object(
					{
						limit: Type.Integer({ minimum: 1, maximum: 1000, default: 50, description: "Of each list." }),
						experiment: Type.Optional(Type.String({ format: "uuid", description: "Only this one and its runs." })),
						again: Type.Boolean({ default: false, description: "Measure anew, though the last time is not long ago." }),
					},
					{ additionalProperties: false },
				),
				response: { 200: Details, ...problems },
			},
		},
		async (request) => {
			const { limit, experiment, again } = request.query;
			return details(app, await app.disk.measure(again), limit, experiment);
		},
	);

	app.delete(
		"/system/orphans",
		{
			config: { access: ["admin"] },
			schema: {
				operationId: "deleteOrphans",
				summary: "Delete what no row names and nobody is making",
				tags: ["system"],
				response: {
					200: Type.Object({ keys: Type.Integer(), bytes: Bytes }, { title: "OrphansRemoved" }),
					...problems,
				},
			},
		},
		async () => app.disk.removeOrphans(),
	);
};
export default routes;

const totalsOf = (disk: Measured): Static<typeof Totals> => ({
	measuredAt: disk.measuredAt.toISOString(),
	...(Object.fromEntries(PARTS.map((part) => [part, disk.totals[part]])) as Measured["totals"]),
	database: disk.databaseBytes,
	free: disk.freeBytes,
	total: disk.totalBytes,
});

interface Row {
	id: string;
	model: string;
	seed: number;
	experiment: Static<typeof Named>;
	dataset: Static<typeof Named>;
}

/** Names are those of now: what has been deleted since the walk is left out. */
async function details(
	app: FastifyInstance,
	disk: Measured,
	limit: number,
	experiment?: string,
): Promise<Static<typeof Details>> {
	const { prisma } = app;
	const datasets = await prisma.$queryRaw<Static<typeof Named>[]>`
		SELECT id, name FROM datasets WHERE id = ANY(${[...disk.datasets.keys()]}::uuid[])`;
	const rows = await prisma.$queryRaw<Row[]>`
		SELECT r.id, r.model, r.seed, jsonb_build_object('id', e.id, 'name', e.name) AS experiment,
			jsonb_build_object('id', d.id, 'name', d.name) AS dataset
		FROM runs r JOIN experiments e ON e.id = r.experiment_id JOIN datasets d ON d.id = r.dataset_id
		WHERE r.id = ANY(${[...disk.runs.keys()]}::uuid[]) AND e.id = coalesce(${experiment ?? null}::uuid, e.id)`;
	const byDataset = datasets.map((one) => ({ ...one, bytes: disk.datasets.get(one.id) ?? 0 }));
	const byRun = rows.map(({ dataset: _dataset, ...run }) => ({ ...run, bytes: disk.runs.get(run.id) ?? 0 }));
	const byExperiment = new Map<string, Static<typeof Details>["byExperiment"][number]>();
	for (const { id, experiment, dataset } of rows) {
		const sum = byExperiment.get(experiment.id) ?? { ...experiment, dataset, runs: 0, bytes: 0 };
		sum.runs++;
		sum.bytes += disk.runs.get(id) ?? 0;
		byExperiment.set(experiment.id, sum);
	}
	const largest = <T extends { bytes: number }>(all: T[]) => all.toSorted((a, b) => b.bytes - a.bytes).slice(0, limit);
	const files = (all: Found[]) => largest(all);
	return {
		...totalsOf(disk),
		counts: {
			datasets: byDataset.length,
			experiments: byExperiment.size,
			runs: byRun.length,
			orphans: disk.orphans.length,
			temporary: disk.temporary.length,
			unknown: disk.unknown.length,
		},
		byDataset: largest(byDataset),
		byExperiment: largest([...byExperiment.values()]),
		byRun: largest(byRun),
		orphanFiles: files(disk.orphans),
		temporaryFiles: files(disk.temporary),
		unknownFiles: files(disk.unknown),
	};
}
