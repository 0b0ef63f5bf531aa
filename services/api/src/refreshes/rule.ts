// How a deployment renews itself: the schema of the request, and what it says once everything it left out is written down.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { getNextMillis } from "bullmq";
import type { FastifyInstance } from "fastify";
import { completeRule, SnapshotRule, wrong } from "../datasets/import-rule.js";
import { expand } from "../experiments/expansion.js";
import { Processes } from "../experiments/launch.js";
import { PROTOCOL } from "../experiments/protocol.js";
import { digest } from "../http/digest.js";
import { ApiError } from "../http/errors.js";
import { FeedName, MachineClass, needs, Text } from "../http/schemas.js";
import { requireClass } from "../machines/classes.js";

/** The model that every candidate has to reach. */
export const BASELINE = "popularity";
const METRICS = PROTOCOL.cutoffs.flatMap((cutoff) => PROTOCOL.metrics.map((name) => `${name}@${cutoff}`));
const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const LEAST_EVERY_MS = 10_000;
const MOST_EVERY_MS = 366 * UNITS.d;
const CRON_FIELDS = 5;
const strict = { additionalProperties: false };
const Params = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.Unknown());
const Seeds = Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }), {
	minItems: 1,
	maxItems: 20,
	uniqueItems: true,
});
const Every = Type.String({
	pattern: "^[1-9][0-9]{0,8}[smhd]$",
	description: "A number and s, m, h or d: 6h. From 10s to 366d.",
});
const Cron = Text(100, "Five fields: minute, hour, day of month, month, day of week.");
const Metric = Type.Enum(METRICS, { type: "string" });
const Tolerance = Type.Number({
	minimum: 0,
	maximum: 1,
	description: "Share of the number of what is deployed that may be lost.",
});
const Margin = Type.Number({ minimum: 0, maximum: 1_000, description: "Share above popularity that is needed." });
const MinNew = Type.Integer({
	minimum: 0,
	maximum: 1_000_000_000,
	description: "Interactions that have to be new since the last snapshot of the same rule.",
});
const Kept = Type.Integer({
	minimum: 1,
	maximum: 100,
	description:
		"So many of the latest keep their snapshot and experiment, beside what is served, would be gone back to, or holds what people made. Of older ones the ids of items in kept steering stay.",
});

export const NewRefreshRule = Type.Object(
	{
		feed: FeedName,
		model: Text(100, "Its name in the catalogue."),
		params: Type.Optional(Params),
		seeds: { ...Seeds, default: [1] } as typeof Seeds,
		processes: Type.Optional(Processes),
		class: Type.Optional(MachineClass),
		rule: Type.Optional(SnapshotRule),
		every: Type.Optional(Every),
		cron: Type.Optional(Cron),
		timezone: Type.Optional(Text(64, "Of cron: Europe/Berlin. UTC unless given.")),
		minNew: { ...MinNew, default: 1 } as typeof MinNew,
		gate: Type.Object(
			{
				metric: { ...Metric, default: METRICS[0] } as typeof Metric,
				tolerance: { ...Tolerance, default: 0.02 } as typeof Tolerance,
				margin: { ...Margin, default: 0 } as typeof Margin,
			},
			{ ...strict, default: {} },
		),
		refit: Type.Boolean({ default: true, description: "Serve the best run refit on everything, or as it was tested." }),
		keep: Type.Object({ refreshes: { ...Kept, default: 3 } as typeof Kept }, { ...strict, default: {} }),
		paused: Type.Boolean({ default: false, description: "Nothing is renewed by itself; on request it is." }),
	},
	{
		title: "NewRefreshRule",
		...strict,
		...needs(
			[["every"], ["cron"]],
			[
				["every", "cron"],
				["every", "timezone"],
			],
		),
	},
);

export const RefreshSpec = Type.Object(
	{
		feed: Type.String(),
		model: Type.String(),
		params: Type.Record(Type.String(), Type.Unknown()),
		seeds: Type.Array(Type.Integer()),
		processes: Type.Optional(Type.Integer()),
		class: Type.Optional(Type.String()),
		rule: Type.Record(Type.String(), Type.Unknown(), { description: "Of the snapshot." }),
		every: Type.Optional(Type.String()),
		cron: Type.Optional(Type.String()),
		timezone: Type.Optional(Type.String()),
		minNew: Type.Integer(),
		gate: Type.Object(
			{ metric: Type.String(), tolerance: Type.Number(), margin: Type.Number() },
			{ title: "RefreshGate" },
		),
		refit: Type.Boolean(),
		keep: Type.Object({ refreshes: Type.Integer() }, { title: "RefreshKeep" }),
		paused: Type.Boolean(),
	},
	{ title: "RefreshSpec", description: "As it may be put again." },
);
export type RefreshSpec = Static<typeof RefreshSpec>;

/** The whole rule, in place of `before`. Throws where a field does not fit, and names it. */
export async function specOf(
	app: FastifyInstance,
	request: Static<typeof NewRefreshRule>,
	before: RefreshSpec | null,
): Promise<RefreshSpec> {
	const { rule = { split: { kind: "temporal" } }, params = {}, ...given } = request;
	const whole = completeRule(rule, ["interactions"]);
	const schedule = scheduleOf(request);
	if (given.model === BASELINE) throw wrong("/model", "not_allowed", "is what every candidate is measured against");
	const model = await app.catalogue.find(given.model, "/model");
	if (whole.split?.kind === "strong" && !model.capabilities.includes("fold_in")) {
		const message = "cannot be measured on the users that a strong split holds out";
		throw new ApiError("fold_in_unsupported", `${model.name} ${message}.`, [
			{ pointer: "/model", code: "fold_in_unsupported", message },
		]);
	}
	// A rule whose machines are gone can still be paused.
	if (given.class !== undefined && given.class !== before?.class) await requireClass(app, given.class);
	const { processes = 1 } = given;
	await expand(app.catalogue, [{ model: given.model, params, processes }], given.seeds).catch((error) => {
		if (!(error instanceof ApiError)) throw error;
		const bare = (text: string) => text.replace("/models/0/", "/");
		const named = error.problems.map((problem) => ({ ...problem, pointer: bare(problem.pointer) }));
		throw new ApiError(error.code, bare(error.message), named, error.retryAfterSeconds);
	});
	const { every: _every, cron: _cron, timezone: _timezone, processes: _processes, ...others } = given;
	return { ...others, ...(processes > 1 && { processes }), params, rule: whole, ...schedule };
}

type Ticks = Pick<RefreshSpec, "every" | "cron" | "timezone">;

function scheduleOf({ every, cron, timezone }: Ticks): Ticks {
	if ((every === undefined) === (cron === undefined)) {
		if (every === undefined) throw wrong("/every", "missing_field", "or cron has to say when");
		throw wrong("/cron", "not_allowed", "is given beside every: one of them says when");
	}
	if (every !== undefined) {
		if (timezone !== undefined) throw wrong("/timezone", "not_allowed", "is of cron alone");
		const ms = millisecondsOf(every);
		if (ms < LEAST_EVERY_MS || ms > MOST_EVERY_MS) throw wrong("/every", "out_of_range", "must be from 10s to 366d");
		return { every };
	}
	const pattern = cron as string;
	const tz = timezone ?? "UTC";
	if (!isTimezone(tz)) throw wrong("/timezone", "bad_format", "must be a zone of the IANA database: Europe/Berlin");
	const fields = "minute, hour, day of month, month, day of week";
	if (pattern.trim().split(/\s+/).length !== CRON_FIELDS)
		throw wrong("/cron", "bad_format", `must have five fields: ${fields}`);
	if (!(firingAfter(Date.now(), pattern, tz) > 0))
		throw wrong(
			"/cron",
			"bad_format",
			`names no moment that ever comes, or a value that its field cannot have (${fields})`,
		);
	return { cron: pattern, timezone: tz };
}

/** As the queue reads it; NaN where it cannot. */
export function firingAfter(ms: number, pattern: string, tz: string): number {
	try {
		// H stands for a value that is drawn anew each time.
		return /(^|[\s,])H([\s,/(]|$)/.test(pattern) ? Number.NaN : (getNextMillis(ms, { pattern, tz }) ?? Number.NaN);
	} catch {
		return Number.NaN;
	}
}

function isTimezone(name: string): boolean {
	try {
		new Intl.DateTimeFormat("en", { timeZone: name });
		return true;
	} catch {
		return false;
	}
}

export function millisecondsOf(every: string): number {
	return Number(every.slice(0, -1)) * UNITS[every.at(-1) as keyof typeof UNITS];
}

/** Of what decides about the result. */
export const recipeOf = ({ feed, model, params, seeds, processes, rule, gate, refit }: RefreshSpec) =>
	digest({ feed, model, params, seeds, processes, rule, gate, refit });
