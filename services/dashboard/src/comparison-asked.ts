// What a comparison of configurations is asked for.
import type { ExperimentDetail, MetricDefinition, NewComparison, Protocol, Run, SeedGroup } from "@valence/client";
import { groupLabelOf, tellingFields } from "./config-fields";
import { betterOf, type Known } from "./measures";
import { sortRows } from "./sorting";

/** The service takes no more: groups, pairs times metrics, and characters of a group's name. */
export const MOST_GROUPS = 50;
const MOST_TESTS = 1_000;
const MOST_NAME = 100;

export interface Asked {
	name: string;
	/** Ids. */
	runs: string[];
}

/** Each with each, or all with the one that is the baseline. */
export const comparisonAsked = (groups: Asked[], baseline?: Asked): NewComparison => ({
	groups: groups.map(({ name, runs }) => ({ name: shortened(name), runs })),
	...(baseline?.runs[0] !== undefined && { baseline: baseline.runs[0] }),
});

function shortened(name: string): string {
	const characters = [...name];
	return characters.length <= MOST_NAME ? name : `${characters.slice(0, MOST_NAME - 1).join("")}…`;
}

/** Why each of so many cannot be compared with each; null where it can. */
export function tooManyPairs(
	groups: number,
	{ metrics, cutoffs }: Pick<Protocol, "metrics" | "cutoffs">,
	known: Pick<MetricDefinition, "name" | "ofUser">[],
): string | null {
	const columns = cutoffs.length * known.filter(({ name, ofUser }) => ofUser && metrics.includes(name)).length;
	const pairs = (groups * (groups - 1)) / 2;
	const [tests, most] = [pairs * columns, MOST_TESTS].map((n) => n.toLocaleString("en"));
	return pairs * columns > MOST_TESTS
		? `Each with each would be ${tests} tests (${pairs.toLocaleString("en")} pairs, ${columns} columns); at most ${most} are taken.`
		: null;
}

/** The runs of a configuration of an experiment that are in. */
export const succeededOf = ({ configHash }: Pick<SeedGroup, "configHash">, runs: Run[]) =>
	runs.filter((run) => run.configHash === configHash && run.state === "SUCCEEDED");

/** The configurations of an experiment that have a run to compare, the best in the first metric of the test first. */
export function groupsAsked(
	{ groups, runs, protocol }: Pick<ExperimentDetail, "groups" | "runs" | "protocol">,
	known: Known[],
): Asked[] {
	const telling = tellingFields(groups);
	const first = `test.${protocol.metrics[0]}@${protocol.cutoffs[0]}`;
	return sortRows(groups, ({ metrics }) => metrics[first]?.mean, betterOf(first, known) !== "lower")
		.map((group) => ({ name: groupLabelOf(group, telling), runs: succeededOf(group, runs).map(({ id }) => id) }))
		.filter((group) => group.runs.length > 0);
}
