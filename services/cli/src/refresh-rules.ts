// A rule of refresh from options, and rules and lists of refreshes as people read them.
import type { ImportRule, Model, NewRefreshRule, Refresh, RefreshRule, RefreshSpec } from "@valence/client";
import { dim, facts, say, table } from "@valence/supervisor/terminal";
import { ofType, pairOf, readValue } from "./arguments.js";
import { wrongUsage } from "./failure.js";
import { short } from "./finding.js";
import { titleOf } from "./metrics.js";
import { ago } from "./times.js";

/** What an option has said; the rest of a rule stays as it is. */
export interface Said {
	feed: string | undefined;
	model: string | undefined;
	set: string[];
	seeds: number[] | undefined;
	processes: number | undefined;
	/** null: of any class. */
	class: string | null | undefined;
	rule: ImportRule | undefined;
	every: string | undefined;
	cron: string | undefined;
	timezone: string | undefined;
	minNew: number | undefined;
	metric: string | undefined;
	tolerance: number | undefined;
	margin: number | undefined;
	refit: boolean | undefined;
	keep: number | undefined;
	paused: boolean | undefined;
}

const given = <T extends object>(values: T) =>
	Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
		[K in keyof T]?: Exclude<T[K], undefined>;
	};
type Gate = NonNullable<NewRefreshRule["gate"]>;

/** The whole rule to send. Throws where the model has no such field. */
export function ruleFrom(said: Said, before: Partial<RefreshSpec>, models: Model[]): NewRefreshRule {
	const { set, metric, tolerance, margin, keep, every, cron, timezone, rule, ...plain } = said;
	const isOther = said.model !== undefined && said.model !== before.model;
	const { feed, model } = { feed: before.feed, model: before.model, ...given({ feed: said.feed, model: said.model }) };
	if (feed === undefined) throw wrongUsage("--feed names what is trained on; valence feeds lists them");
	if (model === undefined) throw wrongUsage("--model names what is trained; valence models names them");
	const known = models.find(({ name }) => name === model);
	const params = { ...(isOther ? {} : before.params) };
	for (const text of set) {
		const [field, value] = pairOf("--set", text);
		if (known && !Object.hasOwn(known.configSchema.properties, field))
			throw wrongUsage(`--set ${text}: ${model} has no field ${field}; valence models ${model} shows them`);
		const { type } = (known?.configSchema.properties[field] ?? {}) as { type?: unknown };
		params[field] = ofType("--set", field, type, readValue(value));
	}
	const isTimed = every !== undefined || cron !== undefined;
	const zone = cron !== undefined || (!isTimed && before.cron !== undefined) ? timezone : undefined;
	const ticks = isTimed
		? given({ every, cron, timezone: cron === undefined ? timezone : (timezone ?? before.timezone) })
		: given({ every: before.every, cron: before.cron, timezone: zone ?? (before.cron && before.timezone) });
	const gate = { ...before.gate, ...given({ metric, tolerance, margin }) } as Gate;
	const { every: _every, cron: _cron, timezone: _zone, processes, class: classBefore, ...others } = before;
	const machineClass = said.class === undefined ? classBefore : (said.class ?? undefined);
	return {
		...others,
		...given({ ...plain, processes: said.processes ?? (isOther ? undefined : processes) }),
		class: machineClass,
		...{ feed, model, params, gate },
		...given({ rule: rule ?? (before.rule as ImportRule | undefined) }),
		...(keep !== undefined && { keep: { refreshes: keep } }),
		...(Object.keys(ticks).length > 0 ? ticks : { every: "6h" }),
	} as NewRefreshRule;
}

const percent = (share: number) => `${Number((share * 100).toPrecision(6))} %`;

export function sayRule({ deployment, spec, newInteractions, nextAt, last }: RefreshRule): void {
	const { feed, model, params, seeds, gate, refit, keep, paused, minNew, processes = 1 } = spec;
	const { kind } = (spec.rule.split ?? { kind: "ratio" }) as { kind: string };
	const fields = Object.entries(params).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
	const when = spec.every === undefined ? `by cron ${spec.cron} (${spec.timezone})` : `every ${spec.every}`;
	facts([
		["deployment", deployment],
		["when", `${when}, once ${minNew.toLocaleString("en")} are new${paused ? "; paused" : ""}`],
		["next", paused ? "–" : (nextAt ?? "the queue does not say")],
		["feed", `${feed}, ${newInteractions.toLocaleString("en")} new since the last snapshot`],
		["model", [model, ...fields].join(" ")],
		["seeds", seeds.join(", ")],
		[
			"machines",
			`${spec.class ? `of class ${spec.class}` : "any"}${processes > 1 ? `, ${processes} processes a run` : ""}`,
		],
		["split", kind],
		[
			"gate",
			`${titleOf(gate.metric)}: at most ${percent(gate.tolerance)} below what is deployed, ${percent(gate.margin)} above popularity`,
		],
		["served", refit ? "the best run, refit on everything" : "the best run, as it was tested"],
		["kept", `the last ${keep.refreshes}`],
		["last", last === null ? "none yet" : `${ago(last.createdAt)}, ${outcomeOf(last)}`],
	]);
	if (last?.reason) say(dim(`  ${last.reason}`));
}

/** In a word. */
export const outcomeOf = ({ outcome, state }: Refresh) => outcome ?? state.toLowerCase();

export function sayRefreshes(refreshes: Refresh[]): void {
	table(
		["refresh", "when", "by", "new", "step", "outcome"],
		refreshes.map((one) => [
			short(one.id),
			ago(one.createdAt),
			one.trigger === "schedule" ? "schedule" : (one.by ?? "person"),
			one.newInteractions.toLocaleString("en"),
			one.step,
			one.skips > 0 ? `${outcomeOf(one)} × ${one.skips + 1}` : outcomeOf(one),
		]),
		{ left: [0, 1, 2, 4, 5] },
	);
}
