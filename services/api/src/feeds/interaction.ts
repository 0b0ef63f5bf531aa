// One interaction as it is sent to a feed: what it may say, and what is wrong with it.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Problem } from "../http/errors.js";
import { BareId } from "../http/schemas.js";
import { checkOf, problemOf } from "../http/validation.js";

/** Smaller numbers are seconds since 1970, until the year 5138; in milliseconds that was in 1973. */
const FIRST_MILLISECONDS = 1e11;
/** Clocks differ, and days begin elsewhere; later than that is a mistake, which would be the newest for years. */
const DAY_MS = 86_400_000;
const YEAR_10000 = 253_402_300_800_000;

export const At = Type.Unsafe<string | number>({
	type: ["string", "number"],
	format: "date-time",
	minimum: 0,
	exclusiveMaximum: YEAR_10000,
	description: "ISO 8601 with its zone, or seconds or milliseconds since 1970.",
});
export const EventId = Type.String({ format: "id", description: "The caller's own id of this one event." });
export const RecommendationId = Type.String({
	pattern: "^[\\w-]{16}$",
	description: "`recommendationId` of the answer that the item was taken from, for GET /deployments/{name}/outcomes.",
});
export const NewInteraction = Type.Object(
	{
		user: BareId,
		item: BareId,
		at: Type.Optional(At),
		value: Type.Optional(Type.Number({ description: "A rating, or whatever `minRating` is to be compared with." })),
		id: Type.Optional(EventId),
		recommendationId: Type.Optional(RecommendationId),
	},
	{ title: "NewInteraction", additionalProperties: false, description: "Without `at` it is of now." },
);

export interface Interaction {
	user: string;
	item: string;
	at: Date;
	value: number | null;
	id: string | null;
	recommendationId: string | null;
}

const check = checkOf(NewInteraction);

/** Throws nothing: a problem's pointer is within the row. */
export function readInteraction(sent: unknown, now: Date): Interaction | Problem {
	if (!check(sent)) return problemOf(check.errors?.[0] as never);
	const { user, item, at, value = null, id = null, recommendationId = null } = sent as Static<typeof NewInteraction>;
	const moment = at === undefined ? now : momentOf(at);
	const message = !isSince1970(moment) ? BEFORE_1970 : moment > latestOf(now) ? TOO_LATE : null;
	if (message) return { pointer: "/at", code: "out_of_range", message };
	return { user, item, at: moment, value, id, recommendationId };
}

export const isProblem = (row: Interaction | Problem): row is Problem => "pointer" in row;

export const BEFORE_1970 = "must not be before 1970";
export const TOO_LATE = "must not be more than a day from now";
/** The last moment that is taken. */
export const latestOf = (now: Date) => new Date(now.getTime() + DAY_MS);
/** What the schema cannot say of a text. */
export const isSince1970 = (moment: Date) => moment.getTime() >= 0;
export const momentOf = (at: string | number) =>
	new Date(typeof at === "number" && at < FIRST_MILLISECONDS ? at * 1_000 : at);
