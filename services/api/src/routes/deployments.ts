import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../http/errors.js";
import { DeploymentName, Fallback, FeedName, listOf, problems, Uuid } from "../http/schemas.js";
import { isFinal } from "../plugins/jobs.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import { WINDOW_SECONDS } from "../serving/traffic.js";
import { catalogueOf } from "../serving/vocabulary.js";
import {
	DeploymentView,
	deploymentInclude,
	deploymentView,
	Hidden,
	History,
	historyView,
	ServingView,
} from "../views/deployment.js";
import { Ids } from "../views/recommendation.js";

const MOST_HISTORY = 100;
const ServedFeed = Type.Unsafe<string | null>({
	...FeedName,
	type: ["string", "null"],
	description: "The feed whose rows since the dataset join people's histories; null takes it away.",
});
const Params = Type.Object({ name: DeploymentName }, { additionalProperties: false });

const missing = () => new ApiError("not_found", "There is no deployment with this name.");

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	const historyOf = (deploymentName: string) =>
		prisma.deploymentHistory.findMany({ where: { deploymentName }, orderBy: { id: "desc" }, take: MOST_HISTORY });
	async function views(names?: string[]): Promise<Static<typeof DeploymentView>[]> {
		const rows = await prisma.deployment.findMany({
			...(names && { where: { name: { in: names } } }),
			include: deploymentInclude,
			orderBy: { name: "asc" },
		});
		const models = await app.catalogue.models().catch(() => []);
		const found: Static<typeof DeploymentView>[] = [];
		for (const row of rows) {
			const { capabilities = [] } = models.find((model) => model.name === row.checkpoint.run.model) ?? {};
			found.push(deploymentView(row, await historyOf(row.name), capabilities));
		}
		return found;
	}
	async function view(name: string): Promise<Static<typeof DeploymentView>> {
		const [found] = await views([name]);
		if (!found) throw missing();
		return found;
	}

	app.put(
		"/deployments/:name",
		{
			schema: {
				operationId: "deploy",
				summary: "Serve a checkpoint under a name; switched once the recommender has loaded and warmed it",
				tags: ["deployments"],
				params: Params,
				body: Type.Object(
					{ checkpoint: Uuid, fallback: Type.Optional(Fallback), feed: Type.Optional(ServedFeed) },
					{ title: "NewDeployment", additionalProperties: false },
				),
				response: { 200: DeploymentView, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const { fallback, feed: feedName } = request.body;
			const checkpoint = await prisma.checkpoint.findUnique({
				where: { id: request.body.checkpoint },
				include: { run: { include: { job: true, experiment: true, dataset: true } } },
			});
			const wrong = (message: string) => [{ pointer: "/checkpoint", code: "not_allowed", message }];
			if (!checkpoint) throw new ApiError("not_found", "There is no checkpoint with this id.", wrong("is not known"));
			const feed = feedName ? await prisma.feed.findUnique({ where: { name: feedName } }) : null;
			if (feedName && !feed) {
				const message = "is not known";
				throw new ApiError("not_found", "There is no feed with this name; GET /feeds lists them.", [
					{ pointer: "/feed", code: "not_allowed", message },
				]);
			}
			const { id, key, sha256, epoch, run } = checkpoint;
			// A run under way prunes its checkpoints from the disk as it goes on.
			if (!isFinal(run.job.state)) {
				throw new ApiError(
					"conflict",
					"Its run is still training; wait for its end, or cancel it.",
					wrong("is not final"),
				);
			}
			const { leftOutInteractions, leftOutItems } = await app.recommender.warm({ checkpoint: { key, sha256 } });
			// So that nobody waits for it after the switch.
			await app.serving.vocabulary(catalogueOf(run), { key, sha256 });
			await prisma
				.$transaction(async (tx) => {
					const served = { checkpointId: id, deployedAt: new Date() };
					const leavesOut = { interactions: leftOutInteractions, items: leftOutItems };
					const feedId = feedName === undefined ? undefined : (feed?.id ?? null);
					const named = { ...(fallback && { fallback }), ...(feedId !== undefined && { feedId }) };
					const target = { ...served, leavesOut, ...named };
					await tx.deployment.upsert({ where: { name }, create: { name, ...target }, update: target });
					const { id: runId, model, experiment, dataset } = run;
					const told = { runId, model, epoch, experimentName: experiment.name, datasetName: dataset.name };
					await tx.deploymentHistory.create({ data: { deploymentName: name, ...served, ...told } });
					await app.deployments.announce(tx, name);
				})
				.catch(async (error) => {
					if (!violatesForeignKey(error)) throw error;
					const isThere = (await prisma.checkpoint.count({ where: { id } })) > 0;
					if (isThere) throw new ApiError("conflict", "The feed has just been deleted.");
					throw new ApiError("conflict", "The checkpoint has just been deleted.", wrong("is not there any more"));
				});
			await app.deployments.refresh();
			const deployed = app.deployments.get(name);
			if (deployed) await app.live.ready(deployed);
			return view(name);
		},
	);

	/** Changes a deployment without a new checkpoint; once it is answered, this process answers by it. */
	async function change(name: string, data: { fallback: string } | { hidden: string[] }): Promise<void> {
		await prisma.$transaction(async (tx) => {
			const { count } = await tx.deployment.updateMany({ where: { name }, data });
			if (count === 0) throw missing();
			await app.deployments.announce(tx, name);
		});
		await app.deployments.refresh();
	}
	async function hiddenView(name: string): Promise<Static<typeof Hidden>> {
		const deployed = app.deployments.get(name);
		if (!deployed) throw missing();
		const { vocabulary } = await app.serving.of(deployed);
		const { columns, unknown } = vocabulary.columnsOf(deployed.hiddenByName);
		return { items: Array.from(columns, (column) => vocabulary.titled(column)), unknown };
	}

	app.put(
		"/deployments/:name/fallback",
		{
			schema: {
				operationId: "setFallback",
				summary: "What answers people whom the model does not know",
				tags: ["deployments"],
				params: Params,
				body: Type.Object({ fallback: Fallback }, { additionalProperties: false }),
				response: { 200: DeploymentView, ...problems },
			},
		},
		async (request) => {
			await change(request.params.name, request.body);
			return view(request.params.name);
		},
	);

	app.get(
		"/deployments/:name/hidden",
		{
			schema: {
				operationId: "getHidden",
				summary: "Items that are never answered",
				tags: ["deployments"],
				params: Params,
				response: { 200: Hidden, ...problems },
			},
		},
		async (request) => hiddenView(request.params.name),
	);

	app.put(
		"/deployments/:name/hidden",
		{
			schema: {
				operationId: "hide",
				summary: "Never answer these items: holds in every tier at once, and for later checkpoints",
				tags: ["deployments"],
				params: Params,
				body: Type.Object({ items: Ids("All that are hidden from now on.") }, { additionalProperties: false }),
				response: { 200: Hidden, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			await change(name, { hidden: [...new Set(request.body.items)] });
			return hiddenView(name);
		},
	);

	app.get(
		"/deployments/:name/serving",
		{
			schema: {
				operationId: "getServing",
				summary: "How this process answers for it: lists in memory, and the traffic of the last 15 minutes",
				tags: ["deployments"],
				params: Params,
				response: { 200: ServingView, ...problems },
			},
		},
		async (request) => {
			const deployed = app.deployments.get(request.params.name);
			if (!deployed) throw missing();
			const { lists, points } = await app.serving.status(deployed);
			return { lists, traffic: { windowSeconds: WINDOW_SECONDS, points } };
		},
	);

	app.get(
		"/deployments",
		{
			schema: {
				operationId: "listDeployments",
				summary: "Every deployment with its history",
				tags: ["deployments"],
				querystring: Type.Object({}, { additionalProperties: false }),
				response: { 200: listOf(DeploymentView), ...problems },
			},
		},
		async () => ({ items: await views() }),
	);

	app.get(
		"/deployments/:name",
		{
			schema: {
				operationId: "getDeployment",
				summary: "One deployment",
				tags: ["deployments"],
				params: Params,
				response: { 200: DeploymentView, ...problems },
			},
		},
		async (request) => view(request.params.name),
	);

	app.delete(
		"/deployments/:name",
		{
			schema: {
				operationId: "deleteDeployment",
				summary: "Stop serving under a name; its history stays",
				tags: ["deployments"],
				params: Params,
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { name } = request.params;
			await prisma.$transaction(async (tx) => {
				const { count } = await tx.deployment.deleteMany({ where: { name } });
				if (count === 0) throw missing();
				// Who deploys under the name at the same moment waits for this, so that the newest is what was removed.
				await tx.$executeRaw`
					UPDATE deployment_history SET removed_at = now()
					WHERE id = (SELECT max(id) FROM deployment_history WHERE deployment_name = ${name})`;
				await app.deployments.announce(tx, name);
			});
			await app.deployments.refresh();
			return reply.code(204).send(null);
		},
	);

	app.get(
		"/deployments/:name/history",
		{
			schema: {
				operationId: "getDeploymentHistory",
				summary: "What was served under a name, also one that is removed",
				tags: ["deployments"],
				params: Params,
				response: { 200: Type.Object({ items: History }, { title: "DeploymentHistory" }), ...problems },
			},
		},
		async (request) => {
			const rows = await historyOf(request.params.name);
			if (rows.length === 0) throw new ApiError("not_found", "Nothing was ever deployed under this name.");
			return { items: historyView(rows) };
		},
	);
};
export default routes;
