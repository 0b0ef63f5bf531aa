// How a deployment renews itself: texts of a form, sentences, and where a refresh stands.
import {
	type ConfigField,
	type Deployment,
	type ImportRule,
	type NewRefreshRule,
	plain,
	type Refresh,
	type RefreshSpec,
} from "@valence/client";
import { parseFields } from "./config-fields";
import { EMPTY_RULE, parseRule, type RuleTexts, textsOf as ruleTextsOf } from "./dataset-rule";
import { count, metricTitle } from "./format";
import { seedProblem } from "./protocol";

export const STEPS = ["snapshot", "train", "compare", "refit", "switch"] as const satisfies Refresh["step"][];
export const METRICS = ["recall@20", "ndcg@20", "recall@50", "ndcg@50"];
const MOST_SEEDS = 20;
type Metric = NonNullable<NonNullable<NewRefreshRule["gate"]>["metric"]>;

export interface RefreshTexts {
	feed: string;
	model: string;
	/** Of the model's configuration; an empty one asks for the default. */
	params: Record<string, string>;
	seeds: string[];
	processes: string;
	/** null: any. */
	machineClass: string | null;
	rule: RuleTexts;
	when: "every" | "cron";
	every: string;
	cron: string;
	timezone: string;
	minNew: string;
	metric: string;
	/** In percent, as is margin. */
	tolerance: string;
	margin: string;
	refit: boolean;
	keep: string;
	paused: boolean;
}

type Properties = Record<string, ConfigField>;
/** Only what differs from the model's defaults. */
const paramTexts = (values: Record<string, unknown>, properties: Properties) =>
	Object.fromEntries(
		Object.entries(values).flatMap(([name, value]) => {
			const field = properties[name];
			return field && plain(field.default) !== plain(value) ? [[name, plain(value)]] : [];
		}),
	);
/** 0.02 is 2, and not 2.0000000000000004. */
const percentText = (share: number) => String(Number((share * 100).toPrecision(10)));

/** A new rule that goes on with what is deployed: its model, configuration and seed. */
export function textsOfDeployed(
	feed: string,
	model: string,
	{ config, seed }: { config: Record<string, unknown>; seed: number },
	properties: Properties,
): RefreshTexts {
	return {
		feed,
		model,
		params: paramTexts(config, properties),
		seeds: [String(seed)],
		processes: "1",
		machineClass: null,
		rule: { ...EMPTY_RULE, split: "temporal" },
		when: "every",
		every: "6h",
		cron: "0 3 * * *",
		timezone: "UTC",
		minNew: "1",
		metric: "recall@20",
		tolerance: "2",
		margin: "0",
		refit: true,
		keep: "3",
		paused: false,
	};
}

/** The texts that stand for a rule of the service. */
export function textsOfSpec(spec: RefreshSpec, properties: Properties): RefreshTexts {
	const { feed, model, refit, paused, gate } = spec;
	return {
		...{ feed, model, refit, paused },
		params: paramTexts(spec.params, properties),
		seeds: spec.seeds.map(String),
		processes: String(spec.processes ?? 1),
		machineClass: spec.class ?? null,
		rule: ruleTextsOf(spec.rule),
		when: spec.cron === undefined ? "every" : "cron",
		every: spec.every ?? "6h",
		cron: spec.cron ?? "0 3 * * *",
		timezone: spec.timezone ?? "UTC",
		minNew: String(spec.minNew),
		metric: gate.metric,
		tolerance: percentText(gate.tolerance),
		margin: percentText(gate.margin),
		keep: String(spec.keep.refreshes),
	};
}

const isWhole = (text: string, least: number, most: number) =>
	/^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most;
const isShare = (text: string, most: number) => text.trim() !== "" && Number(text) >= 0 && Number(text) <= most;

/** The rule to send, and what is wrong by field; those of the model and of the snapshot's rule by themselves. */
export function parseRefresh(texts: RefreshTexts, properties: Properties) {
	const fields = parseFields(properties, texts.params);
	const ofModel = { ...fields.problems };
	for (const name of Object.keys(fields.grid)) ofModel[name] = "must be one value";
	const snapshot = parseRule(texts.rule);
	const problems: Record<string, string> = {};
	if (texts.feed === "") problems.feed = "choose one";
	const seeds = seedProblem(texts.seeds) ?? (texts.seeds.length > MOST_SEEDS ? `at most ${MOST_SEEDS}` : null);
	if (seeds) problems.seeds = seeds;
	if (texts.when === "every" && !/^[1-9]\d{0,8}[smhd]$/.test(texts.every.trim()))
		problems.every = "a number and s, m, h or d, as 6h";
	if (texts.when === "cron" && texts.cron.trim().split(/\s+/).length !== 5)
		problems.cron = "five fields: minute, hour, day, month, weekday";
	if (!isWhole(texts.minNew, 0, 1_000_000_000)) problems.minNew = "a whole number from 0";
	if (!isShare(texts.tolerance, 100)) problems.tolerance = "from 0 to 100";
	if (!isShare(texts.margin, 100_000)) problems.margin = "from 0";
	if (!isWhole(texts.keep, 1, 100)) problems.keep = "a whole number from 1 to 100";
	const ticks =
		texts.when === "every"
			? { every: texts.every.trim() }
			: { cron: texts.cron.trim(), timezone: texts.timezone.trim() || "UTC" };
	const body: NewRefreshRule = {
		feed: texts.feed,
		model: texts.model,
		params: fields.params,
		seeds: texts.seeds.map(Number),
		...(texts.processes !== "1" && { processes: Number(texts.processes) }),
		...(texts.machineClass !== null && { class: texts.machineClass }),
		rule: snapshot.rule,
		...ticks,
		minNew: Number(texts.minNew),
		gate: {
			metric: texts.metric as Metric,
			tolerance: shareOf(texts.tolerance),
			margin: shareOf(texts.margin),
		},
		refit: texts.refit,
		keep: { refreshes: Number(texts.keep) },
		paused: texts.paused,
	};
	const isRight = [problems, ofModel, snapshot.problems].every((found) => Object.keys(found).length === 0);
	return { body, problems, ofModel, ofRule: snapshot.problems, isRight };
}
const shareOf = (text: string) => Number((Number(text) / 100).toPrecision(10));

/** The rule as it is, paused or not: what was answered may be sent again. */
export const withPaused = (spec: RefreshSpec, paused: boolean): NewRefreshRule => ({
	...spec,
	rule: spec.rule as ImportRule,
	gate: { ...spec.gate, metric: spec.gate.metric as Metric },
	paused,
});

const UNITS: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day" };
function everySentence({ every, cron, timezone }: RefreshSpec): string {
	if (every === undefined) return `By cron ${cron} (${timezone})`;
	const [n, unit] = [Number(every.slice(0, -1)), UNITS[every.slice(-1)]];
	return n === 1 ? `Every ${unit}` : `Every ${n} ${unit}s`;
}
const percentOf = (share: number) => `${percentText(share)}\u00a0%`;

/** All of a rule that matters to who looks at what is served. */
export function ruleSentence(spec: RefreshSpec, title: string): string {
	const { metric, tolerance, margin } = spec.gate;
	const served =
		tolerance === 0 ? "at least that of what is served" : `within ${percentOf(tolerance)} of what is served`;
	const popular = margin === 0 ? "not below popularity" : `${percentOf(margin)} above popularity`;
	const seeds = spec.seeds.length > 1 ? `, ${spec.seeds.length} seeds` : "";
	const processes = (spec.processes ?? 1) > 1 ? ` by ${spec.processes} processes a run` : "";
	const machines = spec.class === undefined ? processes : `${processes} on machines of class ${spec.class}`;
	const enough = spec.minNew > 1 ? `, once ${count(spec.minNew)} interactions are new` : "";
	const gate = `${metricTitle(`.${metric}`)} is ${served} and ${popular}`;
	const refit = spec.refit ? "; it is refit on all data first" : "";
	return `${everySentence(spec)} from feed ${spec.feed}${enough}: ${title}${seeds}${machines}, served if ${gate}${refit}.`;
}

export type StepState = "done" | "now" | "ahead" | "stopped" | "left out";

/** Each step of a refresh and where it stands. */
export function stepsOf({ step, state, outcome, spec }: Refresh): { step: Refresh["step"]; state: StepState }[] {
	const at = STEPS.indexOf(step);
	return STEPS.map((one, index) => {
		if (outcome === "skipped") return { step: one, state: "left out" };
		if (one === "refit" && !spec.refit) return { step: one, state: "left out" };
		if (outcome === "switched" || index < at) return { step: one, state: "done" };
		const isOpen = state === "QUEUED" || state === "RUNNING";
		if (index > at) return { step: one, state: isOpen ? "ahead" : "left out" };
		return { step: one, state: isOpen ? "now" : "stopped" };
	});
}

/** What became of it, in a word, and its colour. */
export function outcomeOf({ state, outcome, cancelRequested }: Refresh): { word: string; color: string } {
	if (outcome === "switched") return { word: "switched", color: "teal" };
	if (outcome === "refused") return { word: "refused", color: "orange" };
	if (outcome === "skipped") return { word: "skipped", color: "gray" };
	if (state === "FAILED") return { word: "failed", color: "red" };
	if (state === "CANCELLED") return { word: "cancelled", color: "yellow" };
	if (cancelRequested) return { word: "cancelling", color: "yellow" };
	return state === "QUEUED" ? { word: "queued", color: "gray" } : { word: "running", color: "blue" };
}

/** Who or what began it. */
export const begunBy = ({ trigger, by }: Pick<Refresh, "trigger" | "by">) =>
	trigger === "schedule" ? "by its schedule" : by === null ? "asked for" : `asked for by ${by}`;

/** A refresh is one of the runs it trains: how far these are. */
export function trainedSentence({ runs }: Refresh["jobs"]): string | null {
	if (runs.length === 0) return null;
	const done = runs.filter(({ state }) => state === "SUCCEEDED").length;
	const running = runs.find(({ state }) => state === "RUNNING");
	const epoch = running
		? `; ${running.model} at epoch ${running.epoch}${running.maxEpochs ? ` of ${running.maxEpochs}` : ""}`
		: "";
	return `${done} of ${runs.length} runs${epoch}`;
}

type Verdict = NonNullable<Refresh["verdict"]>;
export interface VerdictRow {
	who: string;
	value: number | null;
	/** What the candidate has to reach because of it. */
	needs: number | null;
	runId: string | null;
	note: string | null;
}

/** The numbers of a gate side by side. */
export function verdictRows(
	{ candidate, deployed, popularity, needs }: Verdict,
	model: string,
	titleOf: (model: string) => string,
): VerdictRow[] {
	const seeds = candidate.seeds.length;
	return [
		{
			who: `Candidate, ${titleOf(model)}`,
			value: candidate.value,
			needs: null,
			runId: candidate.runId,
			note: seeds > 1 ? `mean of ${seeds} seeds` : null,
		},
		{
			who: deployed ? `Deployed, ${titleOf(deployed.model)}` : "Deployed",
			value: deployed?.value ?? null,
			needs: needs.deployed,
			runId: deployed?.runId ?? null,
			note: deployedNote(deployed),
		},
		{ who: "Popularity", value: popularity.value, needs: needs.popularity, runId: popularity.runId, note: null },
	];
}

function deployedNote(deployed: Verdict["deployed"]): string | null {
	if (!deployed) return "nothing was deployed";
	if (deployed.on === "own") return "on its own test part: the model cannot be measured on another";
	const { unknownItems, learntFrom } = deployed;
	const parts = [
		unknownItems ? `does not know ${count(unknownItems)} ${unknownItems === 1 ? "item" : "items"}` : null,
		learntFrom ? `had learnt from ${count(learntFrom)} of the test interactions` : null,
	].filter(Boolean);
	return parts.join(", ") || null;
}

type Served = Deployment["history"][number];
/** Why it was served. */
export function causeSentence({ cause, by }: Pick<Served, "cause" | "by">): string {
	const word = { deploy: "deployed", refresh: "refreshed", rollback: "rolled back" }[cause];
	return by === null || by === "refresh" ? word : `${word} by ${by}`;
}
