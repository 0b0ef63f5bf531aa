// From what people name to a tested comparison, or why there is none.
import { type Client, type ComparisonDetail, type ExperimentDetail, Problem, type Run } from "@valence/client";
import { compared } from "./comparing.js";
import { comparisonsOf, type Line } from "./comparison.js";
import { Failure, STATUS, wrongUsage } from "./failure.js";
import { short } from "./finding.js";
import { footnotesOf, type Verdict, verdictsOf } from "./verdicts.js";

export interface TestOptions {
	/** A model, or the beginning of a run's id. */
	baseline?: string | undefined;
	metrics?: string[] | undefined;
	draws?: number | undefined;
	seed?: number | undefined;
}
export type Tested =
	| { comparison: ComparisonDetail; verdicts: Verdict[]; footnotes: string[] }
	/** Why nothing was; null where there is nothing to be said. */
	| { missing: string | null };

/** The service takes no more pairs times metrics. */
export const MOST_TESTS = 1_000;
const MOST_NAMED = 3;

export async function tested(
	api: Client,
	experiments: ExperimentDetail[],
	{ baseline, metrics, draws, seed }: TestOptions,
): Promise<Tested> {
	const { items: known } = await api.get("/metric-definitions");
	const [one, ...others] = comparisonsOf(experiments, known);
	if (!one) return { missing: null };
	if (others.length > 0) return { missing: "there are runs of several protocols; name experiments of one" };
	if (one.isOpen) return { missing: "runs are still under way" };
	const lines = one.lines.filter(({ runs }) => runs.length > 0);
	if (lines.length < 2) return { missing: baseline ? "there is one configuration only" : null };
	const { protocol } = experiments[0] as ExperimentDetail;
	const asked = metrics?.flatMap((name) =>
		name.includes("@") ? [name] : protocol.cutoffs.map((cutoff) => `${name}@${cutoff}`),
	);
	const ofUser = known.filter((metric) => metric.ofUser && protocol.metrics.includes(metric.name));
	const all = ofUser.flatMap(({ name }) => protocol.cutoffs.map((cutoff) => `${name}@${cutoff}`));
	const strange = asked?.find((name) => !all.includes(name));
	if (strange) throw wrongUsage(`--metrics ${strange} is none of ${all.join(", ")}`);
	const names = asked ?? all;
	const pairs = (lines.length * (lines.length - 1)) / 2;
	if (baseline === undefined && pairs * names.length > MOST_TESTS)
		return { missing: `${pairs} pairs times ${names.length} metrics are too many; name a --baseline` };
	const against = baseline === undefined ? undefined : baselineOf(baseline, lines);
	const groups = lines.map((line) => ({ name: nameOf(line), runs: line.runs.map(({ id }) => id) }));
	try {
		const comparison = await compared(api, { groups, baseline: against, metrics: names, draws, seed });
		return { comparison, verdicts: verdictsOf(comparison, known), footnotes: footnotesOf(comparison) };
	} catch (error) {
		const reason = reasonOf(error, lines);
		if (reason === null) throw error;
		return { missing: reason };
	}
}

/** Why the service tests nothing, or what became of it; null of what stands in the way of means as well. */
function reasonOf(error: unknown, lines: Line[]): string | null {
	if (error instanceof Failure) return error.status === STATUS.failed ? error.message : null;
	if (!(error instanceof Problem) || error.status === 0 || error.status === 401) return null;
	return error.code === "not_comparable" ? lacking(error, lines) : refusalOf(error);
}

/** The first of what is wrong, at its place. */
export function refusalOf({ errors: [first], detail }: Problem): string {
	return (first ? `${first.pointer} ${first.message}` : detail).replace(/\.$/, "");
}

const nameOf = ({ model, label }: Line) => (label === "" ? model : `${model} ${label}`);

function baselineOf(text: string, lines: Line[]): string {
	const fits = lines.filter(
		(line) =>
			line.model === text || nameOf(line) === text || line.runs.some(({ id }) => id.startsWith(text.toLowerCase())),
	);
	const [found, ...more] = fits;
	if (found && more.length === 0) return (found.runs[0] as Run).id;
	const there = (found ? fits : lines).map((line) => `${nameOf(line)} (${short(line.runs[0]?.id ?? "")})`).join(", ");
	throw wrongUsage(
		found
			? `several configurations are ${text}: ${there}; name one by the beginning of a run's id`
			: `--baseline ${text} is none of what is compared; there are ${there}`,
	);
}

/** Which runs the service says have nothing to be compared by. */
function lacking(problem: Problem, lines: Line[]): string {
	const { errors } = problem;
	const all = lines.reduce((sum, line) => sum + line.runs.length, 0);
	const runs = errors.flatMap(({ pointer }) => {
		const [, group, place] = /^\/groups\/(\d+)\/runs\/(\d+)$/.exec(pointer) ?? [];
		const line = lines[Number(group)];
		const run = line?.runs[Number(place)];
		return run ? [`${run.model} ${short(run.id)}`] : [];
	});
	if (runs.length === 0) return refusalOf(problem);
	const named = `${runs.slice(0, MOST_NAMED).join(", ")}${runs.length > MOST_NAMED ? ", …" : ""}`;
	const [first] = errors;
	return `${runs.length} of ${all} runs have nothing to be compared by (${named}): ${first?.message}`;
}
