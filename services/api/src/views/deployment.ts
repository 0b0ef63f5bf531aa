// How deployments and what they served before appear in answers.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { DeploymentHistory, Prisma } from "../generated/prisma/client.js";
import { Fallback, MaybeNumber, Nullable, Time, Uuid } from "../http/schemas.js";
import { Item } from "./recommendation.js";
import { CheckpointView, checkpointInclude, checkpointView } from "./run.js";

const Served = Type.Object(
	{
		checkpointId: Nullable(Uuid),
		runId: Uuid,
		model: Type.String(),
		epoch: Type.Integer(),
		experiment: Type.String(),
		dataset: Type.String(),
		deployedAt: Time,
		until: Nullable(Time),
		removed: Type.Boolean(),
	},
	{ title: "ServedCheckpoint", description: "What a deployment has served." },
);
export const History = Type.Array(Served, {
	description:
		"Newest first, the present one included: its `until` is null. `checkpointId` is null once the checkpoint is deleted; `removed`: not replaced by the next, but ended by the deployment's removal.",
});
export const DeploymentView = Type.Object(
	{
		name: Type.String(),
		checkpoint: CheckpointView,
		deployedAt: Time,
		capabilities: Type.Array(Type.String()),
		fallback: Fallback,
		feed: Nullable(Type.String({ description: "Whose rows join people's histories." })),
		hidden: Type.Integer({ description: "Number of items that are never answered." }),
		leavesOut: Nullable(
			Type.Object(
				{
					interactions: Type.Integer({ description: "Of validation and test." }),
					items: Type.Integer({ description: "That have no other interactions." }),
				},
				{
					title: "LeftOut",
					description:
						"What the checkpoint has not learnt from; 0 of a refit (POST /runs/{id}/refit). null: deployed by an earlier version.",
				},
			),
		),
		history: History,
	},
	{ title: "Deployment" },
);
export const Hidden = Type.Object(
	{
		items: Type.Array(Item),
		unknown: Type.Array(Type.String(), {
			description: "What this checkpoint's dataset does not know; kept for others.",
		}),
	},
	{ title: "HiddenItems" },
);
const Count = Type.Integer();
export const ServingView = Type.Object(
	{
		lists: Type.Object(
			{ users: Count, total: Count, bytes: Count, budget: Count, depth: Count, warm: Type.Boolean() },
			{
				title: "ListsInMemory",
				description: "Users with a list in memory, of all; warm once everybody has one or the memory is full.",
			},
		),
		traffic: Type.Object(
			{
				windowSeconds: Count,
				points: Type.Array(
					Type.Object(
						{
							at: Time,
							requests: Count,
							tiers: Type.Object({ list: Count, live: Count, popular: Count }),
							p50: MaybeNumber,
							p99: MaybeNumber,
						},
						{ title: "TrafficPoint" },
					),
					{ description: "Oldest first; durations in milliseconds." },
				),
			},
			{ title: "Traffic" },
		),
	},
	{ title: "Serving", description: "Of the process that answered, which forgets it when it ends." },
);

export const deploymentInclude = {
	checkpoint: { include: checkpointInclude },
	feed: { select: { name: true } },
} as const satisfies Prisma.DeploymentInclude;
type Row = Prisma.DeploymentGetPayload<{ include: typeof deploymentInclude }>;

/** Of the rows of one name, newest first. */
export const historyView = (rows: DeploymentHistory[]): Static<typeof History> =>
	rows.map(({ checkpointId, runId, model, epoch, experimentName, datasetName, deployedAt, removedAt }, index) => ({
		checkpointId,
		runId,
		model,
		epoch,
		experiment: experimentName,
		dataset: datasetName,
		deployedAt: deployedAt.toISOString(),
		until: (removedAt ?? rows[index - 1]?.deployedAt)?.toISOString() ?? null,
		removed: removedAt !== null,
	}));

export const deploymentView = (
	{ name, checkpoint, deployedAt, fallback, feed, hidden, leavesOut }: Row,
	history: DeploymentHistory[],
	capabilities: string[],
): Static<typeof DeploymentView> => ({
	name,
	checkpoint: checkpointView(checkpoint),
	deployedAt: deployedAt.toISOString(),
	capabilities,
	fallback: fallback as Fallback,
	feed: feed?.name ?? null,
	hidden: hidden.length,
	leavesOut: leavesOut as Static<typeof DeploymentView>["leavesOut"],
	history: historyView(history),
});
