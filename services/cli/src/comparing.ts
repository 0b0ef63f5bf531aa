// A comparison by the service: begun, or found where the same has been asked for before, and followed to its end.
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Client, Comparison, ComparisonDetail } from "@valence/client";
import { forgetNow, sayNow } from "@valence/supervisor/terminal";
import { Failure } from "./failure.js";

const POLL_MS = 300;
/** The service takes no longer names of groups. */
const MOST_NAME = 100;
/** Among how many of the newest the same one is looked for. */
const LOOKED_THROUGH = 50;

export interface Asked {
	groups: { name: string; runs: string[] }[];
	/** A run of the group that the others are compared with; undefined: each with each. */
	baseline: string | undefined;
	/** recall@20, ... */
	metrics: string[];
	/** Undefined: as many as the service takes for so many tests. */
	draws?: number | undefined;
	seed?: number | undefined;
}

/** Throws the service's Problem where the runs do not compare, and a Failure where the comparison came to nothing. */
export async function compared(api: Client, asked: Asked): Promise<ComparisonDetail> {
	const { baseline, metrics, draws, seed } = asked;
	const groups = asked.groups.map(({ name, runs }) => ({ name: shortened(name), runs }));
	const known = await sameBefore(api, { ...asked, groups });
	const { id } =
		known ??
		(await api.post("/comparisons", {
			body: {
				groups,
				metrics,
				...(baseline !== undefined && { baseline }),
				...(draws !== undefined && { draws }),
				...(seed !== undefined && { seed }),
			},
		}));
	try {
		for (;;) {
			const comparison = await api.get("/comparisons/{id}", { path: { id } });
			const { state, error, progress } = comparison;
			if (state === "SUCCEEDED") return comparison;
			if (state === "FAILED" || state === "CANCELLED")
				throw new Failure(`the comparison came to nothing: ${error?.message ?? "it was cancelled"}`);
			sayNow(`  Testing the differences … ${progress ? `${progress.done} of ${progress.total}` : "waiting"}`);
			await sleep(POLL_MS);
		}
	} finally {
		forgetNow();
	}
}

function shortened(name: string): string {
	const characters = [...name];
	return characters.length <= MOST_NAME ? name : `${characters.slice(0, MOST_NAME - 1).join("")}…`;
}

async function sameBefore(api: Client, asked: Asked): Promise<Comparison | undefined> {
	const run = asked.groups[0]?.runs[0];
	const query = { limit: LOOKED_THROUGH, ...(run !== undefined && { run }) };
	const { items } = await api.get("/comparisons", { query });
	return items.find((one) => isSame(one, asked));
}

/** Whether it answers what is asked; what is drawn is a sample of the same, whatever its seed, unless one is asked for. */
function isSame(one: Comparison, { groups, baseline, metrics, draws, seed }: Asked): boolean {
	if (one.state === "FAILED" || one.state === "CANCELLED") return false;
	const members = one.groups.map(({ name, runs }) => ({ name, runs: runs.map(({ id }) => id) }));
	const place = baseline === undefined ? -1 : groups.findIndex(({ runs }) => runs.includes(baseline));
	const sorted = (all: { name: string; runs: string[] }[]) =>
		all.map(({ name, runs }) => `${name} ${[...runs].sort().join()}`).sort();
	return (
		isDeepStrictEqual(sorted(members), sorted(groups)) &&
		isDeepStrictEqual(members[one.baseline ?? -1]?.name, groups[place]?.name) &&
		isDeepStrictEqual(one.metrics, metrics) &&
		(draws === undefined || one.draws === draws) &&
		(seed === undefined || one.seed === seed)
	);
}
