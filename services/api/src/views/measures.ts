// What is measured, and how it appears in answers.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { MaybeNumber, MetricValues, Nullable, type Protocol } from "../http/schemas.js";

export const MetricDefinition = Type.Object(
	{
		name: Type.String({ description: "As a protocol names it; measured at each of its cut-offs: recall@20." }),
		title: Type.String(),
		definition: Type.String({ description: "What it is, with its source, and which form where papers differ." }),
		ofUser: Type.Boolean({
			description: "Whether it is the mean of a value of each user; otherwise it is of all lists together.",
		}),
		better: Nullable(Type.Enum(["higher", "lower"], { type: "string", description: "null: neither is." })),
	},
	{ title: "MetricDefinition" },
);

/** As the trainer says it. */
export const betterOf = (better: string): "higher" | "lower" | null =>
	better === "higher" || better === "lower" ? better : null;

export const MetricGroup = Type.Object(
	{
		by: Type.Enum(["activity", "popularity"], {
			type: "string",
			description: "Users by their interactions in training, or items by theirs.",
		}),
		group: Type.Enum(["low", "middle", "high"], { type: "string" }),
		from: Type.Integer({ description: "Interactions in training of one; both ends belong to the group." }),
		to: Type.Integer(),
		users: Type.Integer({
			description:
				"Who was measured. By popularity: with an item of the group in the test; what lists hold of it is of those in whose list there is one.",
		}),
		metrics: MetricValues,
	},
	{ title: "MetricGroup", description: "The metrics for some of the users, or by some of the items." },
);

export const UserValues = Type.Object(
	{
		user: Type.String(),
		history: Type.Integer({ description: "Interactions that the model was given." }),
		items: Type.Integer({ description: "Those in the measured part." }),
		values: Type.Record(Type.String(), MaybeNumber, { description: "By name of the metric with its cut-off." }),
	},
	{ title: "UserValues" },
);

/** Of the row of a run or an evaluation, as the transaction that ended it stored them. */
export const metricGroupsOf = ({ metricGroups }: { metricGroups: unknown }) =>
	metricGroups as Static<typeof MetricGroup>[];

interface ProtocolRow {
	maskTest: string;
	cutoffs: number[];
	metrics: string[];
	protocolHash: string;
}
export const protocolOf = ({
	maskTest,
	cutoffs,
	metrics,
	protocolHash: hash,
}: ProtocolRow): Static<typeof Protocol> => ({ maskTest, cutoffs, metrics, hash });
