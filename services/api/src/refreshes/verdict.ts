// What a refresh goes through, and the numbers side by side that decide about it, as they are kept and answered.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { MaybeNumber, Nullable, Uuid, UuidOf } from "../http/schemas.js";

export const STEPS = ["snapshot", "train", "compare", "refit", "switch"] as const;
export type Step = (typeof STEPS)[number];
export type Outcome = "switched" | "refused" | "skipped";

export const Verdict = Type.Object(
	{
		metric: Type.String(),
		candidate: Type.Object(
			{
				value: MaybeNumber,
				runId: UuidOf("The best by validation, which is served or refit."),
				seeds: Type.Array(
					Type.Object({ runId: Uuid, seed: Type.Integer(), value: MaybeNumber }, { title: "SeedValue" }),
				),
			},
			{ title: "CandidateValue", description: "Of the new snapshot's test part, the mean over its seeds." },
		),
		popularity: Type.Object({ value: MaybeNumber, runId: Uuid }, { title: "PopularityValue" }),
		deployed: Nullable(
			Type.Object(
				{
					value: MaybeNumber,
					checkpointId: UuidOf("What is deployed."),
					runId: UuidOf(
						"Whose number it is: its own run, the one that vouches for it, or the newest of the same configuration.",
					),
					model: Type.String(),
					on: Type.Enum(["snapshot", "own"], {
						type: "string",
						description:
							"The test part of the new snapshot; or, of a model without `fold_in`, of the dataset of that run.",
					}),
					learntFrom: Nullable(
						Type.Integer({
							description: "Interactions of that test part that the measured checkpoint had learnt from.",
						}),
					),
					unknownItems: Nullable(Type.Integer({ description: "Items of that test part that it does not know." })),
				},
				{ title: "DeployedValue" },
			),
		),
		needs: Type.Object(
			{ deployed: MaybeNumber, popularity: MaybeNumber },
			{
				title: "RefreshNeeds",
				description: "What the candidate has to reach; null where it is not asked or not known.",
			},
		),
		passed: Type.Boolean(),
		reason: Type.String({ description: "A sentence with the numbers." }),
	},
	{ title: "RefreshVerdict", description: "Of the gate." },
);
export type Verdict = Static<typeof Verdict>;
