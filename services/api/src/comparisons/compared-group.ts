// One side of a comparison: runs that differ in nothing but their seed.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { Uuid } from "../http/schemas.js";
import { Effort } from "../searches/effort.js";

export const ComparedGroup = Type.Object(
	{
		name: Type.String(),
		model: Type.String(),
		config: Type.Record(Type.String(), Type.Unknown()),
		processes: Type.Integer({ description: "That trained each of its runs together." }),
		runs: Type.Array(
			Type.Object(
				{ id: Uuid, seed: Type.Integer(), isGone: Type.Boolean({ description: "Whether it has been deleted since." }) },
				{ title: "ComparedRun" },
			),
		),
		effort: Effort,
	},
	{ title: "ComparedGroup", description: "Runs that differ in nothing but their seed." },
);

/** As a row has it: its runs may be deleted. */
export interface StoredGroup extends Omit<Static<typeof ComparedGroup>, "runs" | "effort" | "processes"> {
	runs: { id: string; seed: number }[];
	/** When it was launched, for when the search is gone; absent in comparisons of earlier versions. */
	effort?: Static<typeof Effort>;
	/** Absent where it is 1, as in those of earlier versions. */
	processes?: number;
}
