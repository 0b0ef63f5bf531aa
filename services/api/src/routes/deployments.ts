import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { MOST_INTEGER, numbersOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { DeploymentName, Fallback, FeedName, listOf, page, pageQuery, problems, Uuid } from "../http/schemas.js";
import { clearSchedule, stopRefreshing } from "../refreshes/schedule.js";
import { deploy, servable } from "../serving/switch.js";
import { WINDOW_SECONDS } from "../serving/traffic.js";
import {
	DeploymentView,
	deploymentOf,
	deployments,
	Hidden,
	historyPage,
	noDeployment,
	Reason,
	Served,
	ServingView,
} from "../views/deployment.js";
import { Ids } from "../views/recommendation.js";

const ServedFeed = Type.Unsafe<string | null>({
	...FeedName,
	type: ["string", "null"],
	description: "The feed whose rows since the dataset join people's histories; null takes it away.",
});
const Params = Type.Object({ name: DeploymentName }, { additionalProperties: false });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	const view = (name: string) => deploymentOf(app, name);

	app.put(
		"/deployments/:name",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "deploy",
				summary: "Serve a checkpoint under a name; switched once the recommender has loaded and warmed it",
				tags: ["deployments"],
				params: Params,
				body: Type.Object(
					{
						checkpoint: Uuid,
						fallback: Type.Optional(Fallback),
						feed: Type.Optional(ServedFeed),
						reason: Type.Optional(Reason),
					},
					{ title: "NewDeployment", additionalProperties: false },
				),
				response: { 200: DeploymentView, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const { fallback, feed: feedName, reason = null } = request.body;
			const checkpoint = await servable(app, request.body.checkpoint, "/checkpoint");
			const unknown = (pointer: string) => [{ pointer, code: "not_allowed", message: "is not known" }];
			if (!checkpoint) throw new ApiError("not_found", "There is no checkpoint with this id.", unknown("/checkpoint"));
			const feed = feedName ? await prisma.feed.findUnique({ where: { name: feedName } }) : null;
			if (feedName && !feed)
				throw new ApiError("not_found", "There is no feed with this name; GET /feeds lists them.", unknown("/feed"));
			const feedId = feedName === undefined ? undefined : (feed?.id ?? null);
			const settings = { ...(fallback && { fallback }), ...(feedId !== undefined && { feedId }) };
			await deploy(app, name, checkpoint, { by: request.by, cause: "deploy", reason }, settings, "/checkpoint");
			return view(name);
		},
	);

	/** Changes a deployment without a new checkpoint; once it is answered, this process answers by it. */
	async function change(name: string, data: { fallback: string } | { hidden: string[] }): Promise<void> {
		await prisma.$transaction(async (tx) => {
			const { count } = await tx.deployment.updateMany({ where: { name }, data });
			if (count === 0) throw noDeployment();
			await app.deployments.announce(tx, name);
		});
		await app.deployments.refresh();
	}
	async function hiddenView(name: string): Promise<Static<typeof Hidden>> {
		const deployed = app.deployments.get(name);
		if (!deployed) throw noDeployment();
		const { vocabulary } = await app.serving.of(deployed);
		const { columns, unknown } = vocabulary.columnsOf(deployed.hiddenByName);
		return { items: Array.from(columns, (column) => vocabulary.titled(column)), unknown };
	}

	app.put(
		"/deployments/:name/fallback",
		{
			config: { access: ["train"] },
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
			config: { access: ["train"] },
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
			config: { access: ["train"] },
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
			config: { access: ["train"] },
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
			if (!deployed) throw noDeployment();
			const { lists, points } = await app.serving.status(deployed);
			return { lists, traffic: { windowSeconds: WINDOW_SECONDS, points } };
		},
	);

	app.get(
		"/deployments",
		{
			config: { access: "any" },
			schema: {
				operationId: "listDeployments",
				summary: "Every deployment with its history",
				tags: ["deployments"],
				querystring: Type.Object({}, { additionalProperties: false }),
				response: { 200: listOf(DeploymentView), ...problems },
			},
		},
		async () => ({ items: await deployments(app) }),
	);

	app.get(
		"/deployments/:name",
		{
			config: { access: "any" },
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
			config: { access: ["train"] },
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
				await stopRefreshing(app, tx, name);
				const { count } = await tx.deployment.deleteMany({ where: { name } });
				if (count === 0) throw noDeployment();
				// Who deploys under the name at the same moment waits for this, so that the newest is what was removed.
				await tx.$executeRaw`
					UPDATE deployment_history SET removed_at = now()
					WHERE id = (SELECT max(id) FROM deployment_history WHERE deployment_name = ${name})`;
				await app.deployments.announce(tx, name);
			});
			await app.deployments.refresh();
			await clearSchedule(app);
			return reply.code(204).send(null);
		},
	);

	app.get(
		"/deployments/:name/history",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "getDeploymentHistory",
				summary: "What was served under a name, also one that is removed, newest first",
				tags: ["deployments"],
				params: Params,
				querystring: pageQuery({}),
				response: { 200: page(Served), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor } = request.query;
			const [after] = cursor === undefined ? [] : numbersOf(cursor, 1, MOST_INTEGER);
			return historyPage(prisma, request.params.name, limit, after === undefined ? undefined : Number(after));
		},
	);
};
export default routes;
