import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../errors.js";
import { isFinal } from "../plugins/jobs.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import { problems, Time, Uuid } from "../schemas.js";
import { CheckpointView, checkpointInclude, checkpointView } from "../views/run.js";

const MOST_HISTORY = 100;
export const DeploymentName = Type.String({
	pattern: "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$",
	description: "a-z, 0-9 and -, 1 to 64.",
});
const Deployment = Type.Object({
	name: Type.String(),
	checkpoint: CheckpointView,
	deployedAt: Time,
	capabilities: Type.Array(Type.String()),
	history: Type.Array(Type.Object({ checkpointId: Uuid, runId: Uuid, model: Type.String(), deployedAt: Time }), {
		description: "Newest first, the present one included.",
	}),
});
const Params = Type.Object({ name: DeploymentName }, { additionalProperties: false });

const include = {
	checkpoint: { include: checkpointInclude },
	history: {
		orderBy: { id: "desc" },
		take: MOST_HISTORY,
		include: { checkpoint: { select: { runId: true, run: { select: { model: true } } } } },
	},
} as const;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	async function views(names?: string[]): Promise<Static<typeof Deployment>[]> {
		const rows = await prisma.deployment.findMany({
			...(names && { where: { name: { in: names } } }),
			include,
			orderBy: { name: "asc" },
		});
		const models = await app.catalogue.models().catch(() => []);
		return rows.map(({ name, checkpoint, deployedAt, history }) => ({
			name,
			checkpoint: checkpointView(checkpoint),
			deployedAt: deployedAt.toISOString(),
			capabilities: models.find((model) => model.name === checkpoint.run.model)?.capabilities ?? [],
			history: history.map((entry) => ({
				checkpointId: entry.checkpointId,
				runId: entry.checkpoint.runId,
				model: entry.checkpoint.run.model,
				deployedAt: entry.deployedAt.toISOString(),
			})),
		}));
	}
	async function view(name: string): Promise<Static<typeof Deployment>> {
		const [found] = await views([name]);
		if (!found) throw new ApiError("not_found", "There is no deployment with this name.");
		return found;
	}

	app.put(
		"/deployments/:name",
		{
			schema: {
				summary: "Serve a checkpoint under a name; switched once the recommender has loaded and warmed it",
				tags: ["deployments"],
				params: Params,
				body: Type.Object({ checkpoint: Uuid }, { additionalProperties: false }),
				response: { 200: Deployment, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const checkpoint = await prisma.checkpoint.findUnique({
				where: { id: request.body.checkpoint },
				include: { run: { include: { job: true } } },
			});
			const wrong = (message: string) => [{ pointer: "/checkpoint", code: "not_allowed", message }];
			if (!checkpoint) throw new ApiError("not_found", "There is no checkpoint with this id.", wrong("is not known"));
			const { id, key, sha256, run } = checkpoint;
			// A run under way prunes its checkpoints from the disk as it goes on.
			if (!isFinal(run.job.state)) {
				throw new ApiError(
					"conflict",
					"Its run is still training; wait for its end, or cancel it.",
					wrong("is not final"),
				);
			}
			await app.recommender.warm({ checkpoint: { key, sha256 } });
			await prisma
				.$transaction(async (tx) => {
					const target = { checkpointId: id, deployedAt: new Date() };
					await tx.deployment.upsert({ where: { name }, create: { name, ...target }, update: target });
					await tx.deploymentHistory.create({ data: { deploymentName: name, ...target } });
				})
				.catch((error) => {
					if (!violatesForeignKey(error)) throw error;
					throw new ApiError("conflict", "The checkpoint has just been deleted.", wrong("is not there any more"));
				});
			return view(name);
		},
	);

	app.get(
		"/deployments",
		{
			schema: {
				summary: "Every deployment with its history",
				tags: ["deployments"],
				querystring: Type.Object({}, { additionalProperties: false }),
				response: { 200: Type.Object({ items: Type.Array(Deployment) }), ...problems },
			},
		},
		async () => ({ items: await views() }),
	);

	app.get(
		"/deployments/:name",
		{
			schema: {
				summary: "One deployment",
				tags: ["deployments"],
				params: Params,
				response: { 200: Deployment, ...problems },
			},
		},
		async (request) => view(request.params.name),
	);
};
export default routes;
