// What runs will take, said before anything is queued and kept beside what they took: memory by the formula of their model, seconds by the
// last runs like them. A trainer or a database that does not say is no reason to wait: then nothing is known.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { PlannedRun } from "../experiments/expansion.js";
import { DatasetStatistics, type MemoryEstimate } from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { ApiError } from "../http/errors.js";
import { Nullable } from "../http/schemas.js";
import { dearestOf } from "../searches/space.js";
import { likeRuns, type Seconds, secondsOf } from "./like-runs.js";
import { classesOf, type Kind, type NoPlace, type Place, placeOf } from "./placing.js";

const SecondsView = Type.Object(
	{
		low: Type.Number({ description: "The fewest that one like it took." }),
		high: Type.Number({ description: "For all `epochs`, each as long as the longest: where none stops early." }),
		like: Type.Enum(["configuration", "dataset", "model"], {
			type: "string",
			description:
				"What those runs have alike: the configuration but for `epochs` and `patience`, on the same dataset; the model, on the same dataset; " +
				"or the model alone, scaled by the training interactions.",
		}),
	},
	{ title: "EstimatedSeconds" },
);
export const EstimateView = Type.Object(
	{
		memoryBytes: Nullable(
			Type.Integer({
				description:
					"At its peak, as `peakMemoryBytes` is counted: of the process where it trains on the CPU, of its tensors on a GPU. " +
					"Of a trial: of the dearest in its search; of several processes: of each. null: the trainer did not answer.",
			}),
		),
		seconds: Nullable(SecondsView),
	},
	{ title: "Estimate", description: "Made before it was queued. `seconds` null: there was no run like it." },
);
type View = Static<typeof EstimateView>;

/** As a row keeps it. */
export interface Estimate {
	memory: MemoryEstimate | null;
	/** Where it is to train, as far as is known. */
	kind: Kind;
	seconds: Seconds | null;
}
export interface Estimated {
	machineClass: string | null;
	estimate: Estimate;
}

export function estimateView({ estimate, device }: { estimate: unknown; device: string | null }): View | null {
	const known = estimate as Estimate | null;
	if (known === null) return null;
	const isOnGpu = device === null ? known.kind === "gpu" : device.startsWith("cuda");
	const memoryBytes = known.memory && (isOnGpu ? known.memory.gpuBytes : known.memory.cpuBytes);
	return { memoryBytes, seconds: known.seconds };
}

/** Of each run, in their order. Throws will_not_fit where no machine of the class, or of any, has room for one. */
export async function estimateRuns(
	app: FastifyInstance,
	dataset: { id: string; statistics: unknown },
	planned: PlannedRun[],
	asked: string | null,
): Promise<Estimated[]> {
	// Runs that differ in their seed share their configuration, and trials of a search theirs.
	const firsts = new Map(planned.map((run) => [run.config, run]));
	const distinct = [...firsts.values()].map((run) => ({ ...run, of: run.config, dearest: dearestOf(run) }));
	const statistics = DatasetStatistics.fromPartial((dataset.statistics ?? {}) as Partial<DatasetStatistics>);
	const memory = await memoryOf(app, distinct, statistics);
	const classes = await classesOf(app);
	const places = distinct.map(({ processes }, index) => placeOf(memory[index] ?? null, processes, classes, asked));
	refuseWithoutPlace(distinct, places, asked);
	const wanted = [...new Map(distinct.map((run) => [`${run.model} ${run.processes}`, run])).values()];
	const found = new Map<unknown, Estimated>();
	const done = new Map<string | null, Awaited<ReturnType<typeof likeRuns>>>();
	for (const [index, { of, model, dearest, processes }] of distinct.entries()) {
		const place = places[index];
		if (!place || "needed" in place) continue;
		const { machineClass, kind } = place;
		const like = done.get(machineClass) ?? (await likeRuns(app, wanted, dataset.id, machineClass));
		done.set(machineClass, like);
		const seconds = secondsOf(
			{ model, config: dearest[0], processes, datasetId: dataset.id, interactions: statistics.train },
			like,
		);
		found.set(of, { machineClass, estimate: { memory: memory[index] ?? null, kind, seconds } });
	}
	return planned.map((run) => found.get(run.config) as Estimated);
}

/** Of each, the most that one of its dearest takes; null where the trainer does not say. */
async function memoryOf(
	app: FastifyInstance,
	planned: { model: string; dearest: Record<string, unknown>[]; processes: number }[],
	statistics: DatasetStatistics,
): Promise<(MemoryEstimate | null)[]> {
	const configurations = planned.flatMap(({ model, dearest, processes }) =>
		dearest.map((config) => ({ model, configJson: JSON.stringify(config), processes })),
	);
	try {
		const estimates = await app.trainer.estimate(configurations, statistics);
		return planned.map(({ dearest }) => mostOf(estimates.splice(0, dearest.length)));
	} catch (error) {
		if (!(error instanceof RemoteError)) throw error;
		// Also of an earlier version, which does not know the question.
		app.log.warn({ err: error }, "runs are launched without an estimate");
		return planned.map(() => null);
	}
}

/** Enough for any of them; null where the first, which has the largest values, cannot be built. */
function mostOf(estimates: MemoryEstimate[]): MemoryEstimate | null {
	if (!estimates[0]?.cpuBytes) return null;
	const most = (bytes: keyof MemoryEstimate) => Math.max(...estimates.map((estimate) => estimate[bytes]));
	return { cpuBytes: most("cpuBytes"), gpuBytes: most("gpuBytes"), gpuHostBytes: most("gpuHostBytes") };
}

/** Of each model in the request the run that needs most is named. */
function refuseWithoutPlace(
	distinct: { entry: number; model: string }[],
	places: (Place | NoPlace)[],
	asked: string | null,
): void {
	const short = new Map<number, { model: string; place: NoPlace }>();
	for (const [index, { entry, model }] of distinct.entries()) {
		const place = places[index];
		if (!place || !("needed" in place)) continue;
		if (place.needed > (short.get(entry)?.place.needed ?? -1)) short.set(entry, { model, place });
	}
	const [first] = short.values();
	if (!first) return;
	const problems = [...short].map(([entry, { place }]) => {
		return { pointer: `/models/${entry}`, code: "will_not_fit", message: shortage(place, asked) };
	});
	throw new ApiError("will_not_fit", `${first.model} ${shortage(first.place, asked)}.`, problems);
}

function shortage({ needed, largest, gpus }: NoPlace, asked: string | null): string {
	const among = asked === null ? "the largest machine" : `the largest machine of class ${asked}`;
	if (!gpus) return `needs about ${gib(needed)} of memory; ${among}, ${largest.name}, has ${gib(largest.bytes)}`;
	const each = needed > 0 ? ` with about ${gib(needed)} of memory each` : "";
	return `needs ${gpus.needed} GPUs${each}; ${among}, ${largest.name}, has ${gpus.there}`;
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
