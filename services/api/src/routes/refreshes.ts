import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { DeploymentName, IdempotencyHeaders, IdParams, page, pageQuery, problems } from "../http/schemas.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { beginNow, enqueue } from "../refreshes/beginning.js";
import { cancelJobs } from "../refreshes/ending.js";
import { RefreshView, refreshInclude, refreshView, wholeRefresh } from "../views/refresh.js";

const Params = Type.Object({ name: DeploymentName }, { additionalProperties: false });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const tags = ["refresh"];
	const view = (id: string) => prisma.$transaction((tx) => wholeRefresh(tx, id), AT_ONE_MOMENT);

	app.post(
		"/deployments/:name/refreshes",
		{
			config: { access: ["train"] },
			schema: {
				tags,
				operationId: "refreshNow",
				summary: "Renew the deployment now, by its rule; one at a time",
				params: Params,
				headers: IdempotencyHeaders,
				body: Type.Object(
					{ force: Type.Boolean({ default: false, description: "However few interactions are new." }) },
					{ title: "NewRefresh", additionalProperties: false },
				),
				response: { 202: RefreshView, ...problems },
			},
		},
		async (request, reply) =>
			(await app.once(request, reply, async (remember) => {
				const { name } = request.params;
				const answer = await prisma.$transaction(async (tx) => {
					const id = await beginNow(app, tx, name, request.by, request.body.force);
					const made = { status: 202, location: `/refreshes/${id}`, body: await wholeRefresh(tx, id) };
					await remember(tx, made);
					return made;
				});
				await enqueue(app, answer.body.id);
				return answer;
			})) as Static<typeof RefreshView>,
	);

	app.get(
		"/deployments/:name/refreshes",
		{
			config: { access: ["train"] },
			schema: {
				tags,
				operationId: "listRefreshes",
				summary: "Refreshes of a deployment, newest first",
				params: Params,
				querystring: pageQuery({}),
				response: { 200: page(RefreshView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor } = request.query;
			const query = {
				where: { ...after(cursor), deploymentName: request.params.name },
				include: refreshInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			};
			const rows = await prisma.$transaction((tx) => tx.refresh.findMany(query), AT_ONE_MOMENT);
			return pageOf(rows, limit, refreshView);
		},
	);

	app.get(
		"/refreshes/:id",
		{
			config: { access: ["train"] },
			schema: {
				tags,
				operationId: "getRefreshById",
				summary: "One refresh: where it stands, what it waits for, and its numbers side by side",
				params: IdParams,
				response: { 200: RefreshView, ...problems },
			},
		},
		async (request) => view(request.params.id),
	);

	app.post(
		"/refreshes/:id/cancel",
		{
			config: { access: ["train"] },
			schema: {
				tags,
				operationId: "cancelRefresh",
				summary: "Cancel a refresh with the jobs it waits for",
				params: IdParams,
				response: { 202: RefreshView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { state } = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The refresh is ${state} already.`);
			await cancelJobs(app);
			return reply.code(202).send(await view(id));
		},
	);
};
export default routes;
