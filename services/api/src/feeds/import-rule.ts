// What the caller asks of files that go into a feed: checked whole before anything is queued.
import { type Static, Type } from "@fastify/type-provider-typebox";
import {
	COLUMNS,
	ColumnsOfNames,
	ColumnsOfRole,
	ImportRule,
	jsonOf,
	Moment,
	wrong,
	wrongRule,
} from "../datasets/import-rule.js";
import { checkOf } from "../http/validation.js";
import { BEFORE_1970, isSince1970, latestOf, TOO_LATE } from "./interaction.js";

export const FEED_ROLES = ["interactions", "items"];

const strict = { additionalProperties: false };
export const FeedRule = Type.Object(
	{
		columns: Type.Optional(
			Type.Object(
				{ ...COLUMNS, interactions: ColumnsOfRole, items: ColumnsOfRole, files: Type.Optional(ColumnsOfNames) },
				strict,
			),
		),
		at: Type.Optional(Moment("The time of rows that have none.")),
		skipBadRows: Type.Optional(Type.Boolean()),
	},
	{ title: "FeedRule", ...strict, description: "What filters and splits is said of a snapshot." },
);
export type FeedRule = Static<typeof FeedRule>;

const check = checkOf(FeedRule);
/** A feed keeps rows as they are. */
const OF_SNAPSHOTS = Object.keys(ImportRule.properties).filter((field) => !(field in FeedRule.properties));

/** `value` is the text of a form field, or its JSON when the part says that it is JSON. */
export function parseFeedRule(value: unknown): FeedRule {
	const rule = jsonOf(value);
	const foreign = OF_SNAPSHOTS.find((field) => typeof rule === "object" && rule && Object.hasOwn(rule, field));
	if (foreign) throw wrong(`/rule/${foreign}`, "not_allowed", "is of a snapshot: a feed keeps rows as they are");
	if (!check(rule)) throw wrongRule(check.errors);
	const { at } = rule as FeedRule;
	if (at !== undefined && !isSince1970(new Date(at))) throw wrong("/rule/at", "out_of_range", BEFORE_1970);
	if (at !== undefined && new Date(at) > latestOf(new Date())) throw wrong("/rule/at", "out_of_range", TOO_LATE);
	return rule as FeedRule;
}
