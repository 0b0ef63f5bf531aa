// Whether the best row of a table is better than the second by more than chance: one comparison of its rows on the service; or,
// where a recipe says which row stands against which, one comparison of those that stand against the same one.
import { againstOf, type Client, type MetricDefinition, markOf, Problem } from "@valence/client";
import { compared } from "../comparing.js";
import { Failure } from "../failure.js";
import { ranks } from "../figures.js";
import { betterOf } from "../metrics.js";
import { MOST_TESTS, refusalOf } from "../testing.js";
import type { Results, RunResult, Tested } from "./results.js";
import { chosenPoint, figureOf } from "./sheets.js";

/** The results with what was tested of them, or why nothing was: whatever the service says, hours of training are not lost over
 * it. Figures over a grid have no best row, and stay as they are. */
export async function withTests(api: Client, results: Results): Promise<Results> {
	const rows = results.rows
		.map((row) => ({ name: row.label, runs: chosenPoint(row.points).runs }))
		.filter(({ runs }) => runs.length > 0);
	if (results.layout !== "table" || rows.length < 2) return results;
	if (results.rows.some((row) => row.against)) return { ...results, pairs: await pairsOf(api, results, rows) };
	try {
		const tested = await testsOf(api, rows, results.metrics);
		return tested ? { ...results, tested } : results;
	} catch (error) {
		return { ...results, untested: reasonOf(error, rows) };
	}
}

/** Why nothing was tested. Throws what is no answer of the service. */
function reasonOf(error: unknown, rows: Compared[]): string {
	if (error instanceof Failure) return error.message;
	if (!(error instanceof Problem)) throw error;
	const names = [...new Set(blamedBy(error, rows).map(({ name }) => name))];
	const why = WHY[error.code] ?? refusalOf(error);
	return names.length > 0 ? `${names.join(", ")}: ${why}` : why;
}

/** The groups that a refusal names. */
const blamedBy = (error: unknown, groups: Compared[]): Compared[] =>
	error instanceof Problem
		? error.errors.flatMap(({ pointer }) => groups[Number(/^\/groups\/(\d+)/.exec(pointer)?.[1] ?? -1)] ?? [])
		: [];

const WHY: Record<string, string> = {
	unknown_run: "its runs are of another service, whose values of users are not here",
	not_comparable: "its runs have no values of single users, as an earlier version left none",
};

interface Compared {
	name: string;
	runs: RunResult[];
}

const ofUsers = (metrics: string[], known: MetricDefinition[]) =>
	metrics.filter((metric) => known.some(({ name, ofUser }) => ofUser && metric.startsWith(`test.${name}@`)));
const nameOf = (metric: string) => metric.replace("test.", "");

/** Each row that the recipe sets against another, as far as both have runs: one comparison of all that stand against the same one. */
async function pairsOf(api: Client, { rows, metrics }: Results, all: Compared[]): Promise<Results["pairs"]> {
	const { items: known } = await api.get("/metric-definitions");
	const columns = ofUsers(metrics, known);
	const pairs: Pairs = [];
	for (const against of new Set(columns.length > 0 ? rows.flatMap((row) => row.against ?? []) : [])) {
		const other = all.find(({ name }) => name === against);
		const those = rows.filter((row) => row.against === against).map(({ label }) => label);
		const rivals = all.filter(({ name }) => those.includes(name));
		if (!other || rivals.length === 0) continue;
		pairs.push(...(await familyOf(api, columns, rivals, other)));
	}
	return pairs;
}

type Pairs = NonNullable<Results["pairs"]>;

/** All rivals against one other; of those that the service refuses, the rest. */
async function familyOf(api: Client, columns: string[], rivals: Compared[], other: Compared): Promise<Pairs> {
	const groups = [...rivals, other];
	try {
		const { id, draws, result } = await compared(api, {
			groups: groups.map(({ name, runs }) => ({ name, runs: runs.map((run) => run.id) })),
			baseline: other.runs[0]?.id,
			metrics: columns.map(nameOf),
		});
		if (!result) return [];
		const { users, family } = result;
		return rivals.map(({ name: row }, index) => {
			const differences = columns.flatMap((metric) => {
				const told = againstOf(result, nameOf(metric), index, rivals.length);
				return told ? [{ metric, ...told }] : [];
			});
			return { row, against: other.name, comparison: id, users, family, draws, differences };
		});
	} catch (error) {
		const untested = reasonOf(error, groups);
		const blamed = blamedBy(error, groups);
		const rest = blamed.length === 0 || blamed.includes(other) ? [] : rivals.filter((one) => !blamed.includes(one));
		const left = rivals.filter((one) => !rest.includes(one));
		const told = left.map(({ name: row }) => ({ row, against: other.name, untested }));
		return rest.length === 0 ? told : [...told, ...(await familyOf(api, columns, rest, other))];
	}
}

/** Undefined where no metric has values of single users. */
async function testsOf(api: Client, rows: Compared[], metrics: string[]): Promise<Tested | undefined> {
	const { items: known } = await api.get("/metric-definitions");
	const columns = ofUsers(metrics, known);
	const [first] = columns;
	if (first === undefined) return undefined;
	const placesOf = (metric: string) =>
		ranks(
			rows.map(({ runs }) => figureOf(runs, metric)),
			metric,
			known,
		);
	// As `valence compare` does it, so that both mark the same, as long as the service takes so many tests.
	const pairs = (rows.length * (rows.length - 1)) / 2;
	const best = rows[Math.max(0, placesOf(first).indexOf(1))];
	const baseline = pairs * columns.length <= MOST_TESTS ? undefined : best;
	const { id, draws, result } = await compared(api, {
		groups: rows.map(({ name, runs }) => ({ name, runs: runs.map((run) => run.id) })),
		baseline: baseline?.runs[0]?.id,
		metrics: columns.map(nameOf),
	});
	if (!result) return undefined;
	const tested: Tested & { ofRuns: string[] } = {
		...{ comparison: id, baseline: baseline?.name ?? null, shown: [], ofRuns: [], undecided: [], draws },
		...{ users: result.users, family: result.family },
	};
	for (const metric of columns) {
		const places = placesOf(metric);
		const [best, second] = [places.indexOf(1), places.indexOf(2)];
		// Of two that are printed alike neither is ahead.
		if (second < 0 || places.lastIndexOf(1) !== best) continue;
		const against = againstOf(result, nameOf(metric), best, second);
		const mark = against && markOf(against, betterOf(metric, known));
		if (!against) tested.undecided.push(metric);
		else if (mark === "methods") tested.shown.push(metric);
		else if (mark === "runs") tested.ofRuns.push(metric);
	}
	return tested;
}
