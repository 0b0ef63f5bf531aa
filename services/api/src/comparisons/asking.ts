// What a comparison is asked for, and the first look at it: what the request alone shows to be wrong.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { wrong } from "../datasets/import-rule.js";
import { ApiError, type ErrorCode, type Problem } from "../http/errors.js";
import { needs, Text, Uuid, UuidOf } from "../http/schemas.js";

const MOST_RUNS = 100;
export const MOST_GROUPS = 50;

const MOST_DRAWS = 100_000;
const DRAWS = 10_000;
/** The least p is 2 in so many, and is multiplied by the number of tests. */
const DRAWS_A_TEST = 100;

const GroupOfRuns = Type.Object(
	{
		name: Type.Optional(Text(100, "The model unless given, with what tells it from others.")),
		runs: Type.Array(Uuid, { minItems: 1, maxItems: MOST_RUNS }),
	},
	{ title: "NewComparedGroup", additionalProperties: false },
);
export const NewComparison = Type.Object(
	{
		name: Type.Optional(Text(200)),
		runs: Type.Optional(
			Type.Array(Uuid, {
				minItems: 2,
				maxItems: MOST_RUNS,
				description: "Those that differ in nothing but their seed are one group. Either these or `groups`.",
			}),
		),
		groups: Type.Optional(Type.Array(GroupOfRuns, { minItems: 2, maxItems: MOST_GROUPS })),
		baseline: Type.Optional(
			UuidOf("A run of the group that the others are compared with; without it each is compared with each."),
		),
		metrics: Type.Optional(
			Type.Array(Text(60), {
				minItems: 1,
				maxItems: 100,
				uniqueItems: true,
				description: "recall@20, ...: of the protocol, and means over users; all of these unless given.",
			}),
		),
		draws: Type.Optional(
			Type.Integer({
				minimum: 1_000,
				maximum: MOST_DRAWS,
				description: `Of bootstrap and randomisation. Unless given ${DRAWS}, or ${DRAWS_A_TEST} for each pair and metric where that is more: fewer could show nothing once p values are corrected.`,
			}),
		),
		seed: Type.Integer({ minimum: 0, maximum: 2_147_483_647, default: 1, description: "Of what is drawn." }),
	},
	{ title: "NewComparison", additionalProperties: false, ...needs([["runs"], ["groups"]], [["runs", "groups"]]) },
);
export type NewComparison = Static<typeof NewComparison>;

export interface AskedRun {
	id: string;
	/** Where it stands in the request. */
	pointer: string;
}
/** Of runs that are not grouped yet there is one, without a name. */
export interface AskedGroup {
	name?: string | undefined;
	runs: AskedRun[];
}

/** Throws invalid_request. */
export function askedGroups({ runs, groups, baseline }: NewComparison): AskedGroup[] {
	if (runs && groups) throw wrong("/runs", "not_allowed", "cannot be given beside groups");
	if (!runs && !groups) throw wrong("/runs", "missing_field", "or groups must be given");
	const placed = (ids: string[], pointer: string) =>
		ids.map((id, index) => ({ id: id.toLowerCase(), pointer: `${pointer}/${index}` }));
	const asked = runs
		? [{ runs: placed(runs, "/runs") }]
		: (groups ?? []).map((group, index) => ({ name: group.name, runs: placed(group.runs, `/groups/${index}/runs`) }));
	const all = asked.flatMap((group) => group.runs);
	if (all.length > MOST_RUNS)
		throw wrong("/groups", "out_of_range", `hold ${all.length} runs; at most ${MOST_RUNS} are allowed`);
	const first = new Map<string, string>();
	const twice = all.flatMap(({ id, pointer }) => {
		const before = first.get(id);
		if (before === undefined) first.set(id, pointer);
		return before === undefined ? [] : [{ pointer, code: "not_allowed", message: `is the run of ${before} once more` }];
	});
	if (twice.length > 0) throw refusal("invalid_request", twice);
	if (baseline !== undefined && !first.has(baseline.toLowerCase()))
		throw wrong("/baseline", "not_allowed", "is none of the runs that are compared");
	return asked;
}

/** As many as were asked for, or as the number of tests needs. */
export const drawsOf = ({ draws }: NewComparison, tests: number) =>
	draws ?? Math.min(Math.max(DRAWS, DRAWS_A_TEST * tests), MOST_DRAWS);

/** Says the first of what is wrong, and points at all of it. */
export function refusal(code: ErrorCode, problems: Problem[]): ApiError {
	const [first] = problems;
	return new ApiError(code, `${first?.pointer} ${first?.message}.`, problems);
}
