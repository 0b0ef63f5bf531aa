// How deployments and what they served before appear in answers.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { DeploymentHistory, Prisma } from "../generated/prisma/client.js";
import { cursorOfNumbers } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { Fallback, MaybeNumber, Nullable, Text, Time, Uuid, UuidOf } from "../http/schemas.js";
import { AT_ONE_MOMENT, type Transaction } from "../plugins/prisma.js";
import { Verdict } from "../refreshes/verdict.js";
import { Item } from "./recommendation.js";
import { CheckpointView, checkpointInclude, checkpointView } from "./run.js";

export const Reason = Text(500, "Kept in the history.");
export const Served = Type.Object(
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
		by: Nullable(
			Type.String({
				description:
					"Who: `key 1` for the first of API_KEYS, `key shop` for the key of this name, `refresh`; null where no key is asked for, or by an earlier version.",
			}),
		),
		cause: Type.Enum(["deploy", "refresh", "rollback"], { type: "string" }),
		reason: Nullable(Type.String()),
		refreshId: Nullable(UuidOf("The refresh that made it, also where somebody has gone back to it.")),
		numbers: Nullable(Verdict),
	},
	{ title: "ServedCheckpoint", description: "What a deployment has served." },
);
const History = Type.Array(Served, {
	description:
		"Newest first, the present one included, at most 100 of them: its `until` is null. `checkpointId` is null once the checkpoint is deleted; `removed`: not replaced by the next, but ended by the deployment's removal.",
});
export const DeploymentView = Type.Object(
	{
		name: Type.String(),
		checkpoint: CheckpointView,
		deployedAt: Time,
		capabilities: Type.Array(Type.String()),
		fallback: Fallback,
		feed: Nullable(Type.String({ description: "Whose rows join people's histories." })),
		renews: Type.Boolean({ description: "By a rule: GET /deployments/{name}/refresh." }),
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

const deploymentInclude = {
	checkpoint: { include: checkpointInclude },
	feed: { select: { name: true } },
} as const satisfies Prisma.DeploymentInclude;
type Row = Prisma.DeploymentGetPayload<{ include: typeof deploymentInclude }>;

/** Of the rows of one name, newest first; `replacedAt`: when the first of them made way for one that is not among them. */
const historyView = (rows: DeploymentHistory[], replacedAt?: Date): Static<typeof History> =>
	rows.map(
		({ checkpointId, runId, model, epoch, experimentName, datasetName, deployedAt, removedAt, ...row }, index) => ({
			checkpointId,
			runId,
			model,
			epoch,
			experiment: experimentName,
			dataset: datasetName,
			deployedAt: deployedAt.toISOString(),
			until: (removedAt ?? (index === 0 ? replacedAt : rows[index - 1]?.deployedAt))?.toISOString() ?? null,
			removed: removedAt !== null,
			by: row.by,
			cause: row.cause as "deploy" | "refresh" | "rollback",
			reason: row.reason,
			refreshId: row.refreshId,
			numbers: row.numbers as Verdict | null,
		}),
	);

const deploymentView = (
	{ name, checkpoint, deployedAt, fallback, feed, hidden, leavesOut }: Row,
	history: DeploymentHistory[],
	capabilities: string[],
	renews: boolean,
): Static<typeof DeploymentView> => ({
	name,
	checkpoint: checkpointView(checkpoint),
	deployedAt: deployedAt.toISOString(),
	capabilities,
	fallback: fallback as Fallback,
	feed: feed?.name ?? null,
	renews,
	hidden: hidden.length,
	leavesOut: leavesOut as Static<typeof DeploymentView>["leavesOut"],
	history: historyView(history),
});

/** With a deployment; the whole of it comes in pages. */
const MOST_HISTORY = 100;
export const noDeployment = () => new ApiError("not_found", "There is no deployment with this name.");

const historyOf = (prisma: Transaction, deploymentName: string, take: number, before?: number) =>
	prisma.deploymentHistory.findMany({
		where: { deploymentName, ...(before !== undefined && { id: { lt: before } }) },
		orderBy: { id: "desc" },
		take,
	});

/** A page of what was served under a name. `after` is the id of the page before's last row. Throws not_found. */
export async function historyPage(prisma: Transaction, deploymentName: string, limit: number, after?: number) {
	const rows = await historyOf(prisma, deploymentName, limit + 1, after);
	if (rows.length === 0 && after === undefined)
		throw new ApiError("not_found", "Nothing was ever deployed under this name.");
	const next = after === undefined ? null : await prisma.deploymentHistory.findUnique({ where: { id: after } });
	const shown = rows.slice(0, limit);
	const last = shown.at(-1);
	return {
		items: historyView(shown, next?.deployedAt),
		nextCursor: rows.length > limit && last ? cursorOfNumbers(last.id) : null,
	};
}

/** All, or those of these names. */
export async function deployments(app: FastifyInstance, names?: string[]): Promise<Static<typeof DeploymentView>[]> {
	const query = {
		...(names && { where: { name: { in: names } } }),
		include: deploymentInclude,
		orderBy: { name: "asc" },
	} as const;
	const rows = await app.prisma.$transaction((tx) => tx.deployment.findMany(query), AT_ONE_MOMENT);
	const models = await app.catalogue.models().catch(() => []);
	const ruled = await app.prisma.refreshRule.findMany({
		where: { deploymentName: { in: rows.map(({ name }) => name) } },
		select: { deploymentName: true },
	});
	const renewing = new Set(ruled.map(({ deploymentName }) => deploymentName));
	const found: Static<typeof DeploymentView>[] = [];
	for (const row of rows) {
		const { capabilities = [] } = models.find((model) => model.name === row.checkpoint.run.model) ?? {};
		const history = await historyOf(app.prisma, row.name, MOST_HISTORY);
		found.push(deploymentView(row, history, capabilities, renewing.has(row.name)));
	}
	return found;
}

/** Throws not_found. */
export async function deploymentOf(app: FastifyInstance, name: string): Promise<Static<typeof DeploymentView>> {
	const [found] = await deployments(app, [name]);
	if (!found) throw noDeployment();
	return found;
}
