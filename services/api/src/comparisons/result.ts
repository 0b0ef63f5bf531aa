// What a comparison has found: as the trainer tells it, as it is stored, and as it is shown.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import type { CompareFinished } from "../generated/proto/trainer/v1/comparing.js";
import { MaybeNumber, Nullable } from "../http/schemas.js";
import type { Transaction } from "../plugins/prisma.js";
import { type Better, Verdict, verdictOf } from "./verdict.js";

const number = (description: string) => Type.Union([Type.Number(), Type.Null()], { description });
const Interval = Type.Object(
	{ low: MaybeNumber, high: MaybeNumber },
	{ title: "ConfidenceInterval", description: "95 %." },
);
const interval = (description: string) => Type.Union([Interval, Type.Null()], { description });

const Mean = Type.Object(
	{
		group: Type.Integer({ description: "Place in `groups`." }),
		metric: Type.String(),
		mean: MaybeNumber,
		interval: interval("Over users; with several seeds over seeds, then users."),
		seeds: Type.Integer(),
		isClosedForm: Type.Boolean({ description: "Whether every seed of its model gives the same." }),
		seedDeviation: number("Sample deviation of the means of seeds; null with one."),
	},
	{ title: "GroupMean" },
);

const UserDifference = Type.Object(
	{ user: Type.String(), value: MaybeNumber, baseline: MaybeNumber },
	{ title: "UserDifference", description: "The values of one user, means over seeds." },
);
const Difference = Type.Object(
	{
		group: Type.Integer({ description: "Place in `groups`." }),
		baseline: Type.Integer({ description: "Place in `groups` of what it is compared with." }),
		metric: Type.String(),
		difference: number("Of the means: the group less the baseline."),
		relative: number("As a part of the baseline's mean; null where that is 0."),
		usersInterval: interval("Bootstrap over users: these models differ on these users. null with fewer than 2."),
		seedsInterval: interval(
			"Seeds are drawn, then users: the methods differ. null where one has a single seed and is no closed form.",
		),
		t: number("Of the paired t test over users."),
		pT: MaybeNumber,
		pRandomisation: number("Sign flips over users."),
		pRandomisationHolm: number("The same after Holm over `family` tests: a difference is shown below 0.05."),
		pTHolm: MaybeNumber,
		effect: number("Mean difference over the deviation of the differences (Cohen's d_z)."),
		won: Type.Integer({
			description:
				"Users who have more than under the baseline; less, where less is better. Where neither is, who has more.",
		}),
		tied: Type.Integer(),
		lost: Type.Integer(),
		pSeeds: number("Over the means of seeds, uncorrected; null where `seedsTest` is."),
		seedsTest: Nullable(
			Type.Enum(["welch", "one_sample"], {
				type: "string",
				description:
					"Of `pSeeds`: Welch's t test; of one sample where one of the two is a closed form, about whose mean the other's seeds lie. " +
					"null where one has a single seed and is no closed form, and where both are closed forms.",
			}),
		),
		detectable: Type.Array(
			Type.Object({ moreSeeds: Type.Integer(), relative: MaybeNumber }, { title: "DetectableDifference" }),
			{
				description:
					"What so many more seeds of each, or where one is a closed form of the other, would show at 5 % with a power of 80 %, as a part of the baseline's mean; empty where `seedsTest` is null.",
			},
		),
		histogram: Type.Array(
			Type.Object({ from: MaybeNumber, to: MaybeNumber, users: Type.Integer() }, { title: "DifferenceBin" }),
			{ description: "Users by their differences." },
		),
		wonMost: Type.Array(UserDifference),
		lostMost: Type.Array(UserDifference),
		...Verdict,
	},
	{ title: "PairDifference" },
);

const Overlap = Type.Object(
	{
		group: Type.Integer({ description: "Place in `groups`." }),
		baseline: Type.Integer({ description: "Place in `groups` of what it is compared with." }),
		depth: Type.Integer({ description: "Items of each list that are looked at." }),
		overlap: number("Items that both lists have, as a part of `depth`: mean over users and pairs of runs."),
		withinGroup: number("The same between the runs of the group; null with one seed."),
		withinBaseline: number("The same between the runs of the baseline; null with one seed."),
	},
	{ title: "ListOverlap" },
);

export const ComparisonResult = Type.Object(
	{
		users: Type.Integer({ description: "Who was measured under every run." }),
		family: Type.Integer({ description: "Tests that p values are corrected for: pairs times metrics." }),
		draws: Type.Integer({ description: "Of bootstrap and randomisation." }),
		intervalMethod: Type.Enum(["bca", "percentile"], {
			type: "string",
			description: "Of `usersInterval`, and of a group's interval with one seed.",
		}),
		seconds: MaybeNumber,
		means: Type.Array(Mean),
		differences: Type.Array(Difference),
		overlaps: Type.Array(Overlap),
	},
	{ title: "ComparisonResult" },
);
type ComparisonResult = Static<typeof ComparisonResult>;
/** As a row has it: verdicts follow from it. */
export interface StoredResult extends Omit<ComparisonResult, "means" | "differences"> {
	means: Omit<Static<typeof Mean>, "isClosedForm">[];
	differences: Omit<Static<typeof Difference>, keyof Verdict>[];
}

/** JSON has no NaN, and says of what is absent that it is null. */
function stored(value: unknown): unknown {
	if (typeof value === "number") return Number.isFinite(value) ? value : null;
	if (Array.isArray(value)) return value.map(stored);
	if (typeof value !== "object" || value === null) return value ?? null;
	return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, stored(field)]));
}

export function resultOf(finished: CompareFinished): StoredResult {
	const differences = finished.differences.map((one) => ({ ...one, seedsTest: one.seedsTest || null }));
	return stored({ ...finished, differences }) as StoredResult;
}

interface Shown {
	better: Better;
	/** By a place in the groups. */
	isClosedForm: (group: number) => boolean;
	isErased: (user: string) => boolean;
}
/** With verdicts, and without whoever was erased. */
export function shownResult(result: StoredResult, { better, isClosedForm, isErased }: Shown): ComparisonResult {
	const { differences, means, ...rest } = withoutUsers(result, isErased);
	return {
		...rest,
		means: means.map((one) => ({ ...one, isClosedForm: isClosedForm(one.group) })),
		differences: differences.map((one) => ({
			...one,
			...verdictOf(one, !isClosedForm(one.group) || !isClosedForm(one.baseline), better),
		})),
	};
}

/** Numbers stay: they are of all users that were compared. */
export function withoutUsers(result: StoredResult, isErased: (user: string) => boolean): StoredResult {
	const left = (users: Static<typeof UserDifference>[]) => users.filter(({ user }) => !isErased(user));
	const differences = result.differences.map((one) => ({
		...one,
		wonMost: left(one.wonMost),
		lostMost: left(one.lostMost),
	}));
	return { ...result, differences };
}

/** What has been found names them no more. Of comparisons on snapshots of a feed, and on what it serves. */
export async function forgetUser(tx: Transaction, feed: string, user: string): Promise<void> {
	const found = await tx.$queryRaw<{ id: string; result: StoredResult }[]>`
		SELECT c.id, result FROM comparisons c JOIN datasets d ON d.id = dataset_id
		WHERE (d.feed->>'name' = ${feed} OR EXISTS (
				SELECT 1 FROM deployments p JOIN feeds f ON f.id = p.feed_id JOIN checkpoints k ON k.id = p.checkpoint_id
				JOIN runs r ON r.id = k.run_id WHERE f.name = ${feed} AND r.dataset_id = d.id))
			AND jsonb_path_exists(result, '$.differences[*].*[*] ? (@.user == $user)',
			jsonb_build_object('user', ${user}::text))`;
	for (const { id, result } of found) {
		const left = withoutUsers(result, (one) => one === user) as unknown as Prisma.InputJsonObject;
		await tx.comparison.update({ where: { id }, data: { result: left }, select: { id: true } });
	}
}
