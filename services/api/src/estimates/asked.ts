// The estimates of an experiment that nobody has launched: one for each model that it asks for.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type NewExperiment, planExperiment } from "../experiments/launch.js";
import { Nullable } from "../http/schemas.js";
import { EstimateView, estimateView } from "./estimate.js";

export const ExperimentEstimate = Type.Object(
	{
		models: Type.Array(
			Type.Object(
				{
					model: Type.String(),
					runs: Type.Integer(),
					class: Nullable(
						Type.String({ description: "Of the machines that take the runs: as asked for, or picked. null: any." }),
					),
					...EstimateView.properties,
				},
				{ title: "ModelEstimate" },
			),
			{
				description:
					"In the order of the request: what the largest of its runs takes, and how long one may take, from the shortest to the longest.",
			},
		),
	},
	{ title: "ExperimentEstimate" },
);
type ModelEstimate = Static<typeof ExperimentEstimate>["models"][number];

/** Throws what a launch would be refused by. Nothing is stored. */
export async function estimateExperiment(
	app: FastifyInstance,
	request: Static<typeof NewExperiment>,
): Promise<Static<typeof ExperimentEstimate>> {
	const { estimates } = await planExperiment(app, request);
	return {
		models: request.models.map(({ model }, index) => {
			const own = estimates.filter(({ entry }) => entry === index);
			const views = own.map(({ estimate, machineClass }) => ({
				...{ model, runs: own.length, class: machineClass },
				...{ memoryBytes: null, seconds: null },
				...estimateView({ estimate, device: null }),
			}));
			return views.reduce(larger);
		}),
	};
}

/** What is not known of one is not known of both. */
function larger(one: ModelEstimate, other: ModelEstimate): ModelEstimate {
	const isMore = (other.memoryBytes ?? 0) > (one.memoryBytes ?? 0);
	const seconds = one.seconds &&
		other.seconds && {
			low: Math.min(one.seconds.low, other.seconds.low),
			high: Math.max(one.seconds.high, other.seconds.high),
			like: LIKENESS.find((like) => [one.seconds?.like, other.seconds?.like].includes(like)) ?? one.seconds.like,
		};
	const memoryBytes =
		one.memoryBytes === null || other.memoryBytes === null ? null : Math.max(one.memoryBytes, other.memoryBytes);
	return { ...(isMore ? other : one), memoryBytes, seconds };
}

/** The vaguest first. */
const LIKENESS = ["model", "dataset", "configuration"] as const;
