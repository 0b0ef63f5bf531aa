import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { DeploymentName, Nullable, problems, Time } from "../http/schemas.js";
import { AT_ONE_MOMENT, violatesForeignKey } from "../plugins/prisma.js";
import { newInteractions, noRule } from "../refreshes/beginning.js";
import { NewRefreshRule, RefreshSpec, specOf } from "../refreshes/rule.js";
import { dropRule, keepSchedulesQuietly } from "../refreshes/schedule.js";
import { RefreshView, refreshInclude, refreshView } from "../views/refresh.js";

const Params = Type.Object({ name: DeploymentName }, { additionalProperties: false });
const RefreshRuleView = Type.Object(
	{
		deployment: Type.String(),
		spec: RefreshSpec,
		newInteractions: Type.Integer({ description: "Since the last snapshot of this rule that came to an end." }),
		nextAt: Nullable(Type.String({ description: "ISO 8601, UTC. null: paused, or the queue does not say." })),
		createdAt: Time,
		updatedAt: Time,
		last: Nullable(RefreshView),
	},
	{ title: "RefreshRule" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["refresh"], params: Params };

	async function view(name: string): Promise<Static<typeof RefreshRuleView>> {
		const schedules = await app.queue.schedules().catch(() => []);
		const found = await prisma.$transaction(async (tx) => {
			const rule = await tx.refreshRule.findUnique({ where: { deploymentName: name } });
			if (!rule) throw noRule();
			const spec = rule.spec as RefreshSpec;
			const last = await tx.refresh.findFirst({
				where: { deploymentName: name },
				include: refreshInclude,
				orderBy: [{ createdAt: "desc" }, { id: "desc" }],
			});
			const count = await newInteractions(tx, name, { ...rule, spec });
			return { rule, spec, last, count };
		}, AT_ONE_MOMENT);
		const { rule, spec, last, count } = found;
		const next = rule.paused ? null : schedules.find(({ id }) => id === name)?.next;
		return {
			deployment: name,
			spec,
			newInteractions: count,
			nextAt: next?.toISOString() ?? null,
			createdAt: rule.createdAt.toISOString(),
			updatedAt: rule.updatedAt.toISOString(),
			last: last && refreshView(last),
		};
	}

	app.put(
		"/deployments/:name/refresh",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "setRefresh",
				summary: "How the deployment renews itself: snapshot, train and test, compare, refit, switch",
				body: NewRefreshRule,
				response: { 200: RefreshRuleView, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const feed = await prisma.feed.findUnique({ where: { name: request.body.feed } });
			if (!feed) {
				throw new ApiError("not_found", "There is no feed with this name; GET /feeds lists them.", [
					{ pointer: "/feed", code: "not_allowed", message: "is not known" },
				]);
			}
			const before = await prisma.refreshRule.findUnique({ where: { deploymentName: name } });
			const whole = await specOf(app, request.body, (before?.spec ?? null) as RefreshSpec | null);
			const spec = whole as unknown as Prisma.InputJsonObject;
			const rule = { feedId: feed.id, spec, paused: whole.paused, updatedAt: new Date() };
			const stored = prisma.refreshRule.upsert({
				where: { deploymentName: name },
				create: { deploymentName: name, ...rule },
				update: rule,
			});
			await stored.catch((error) => {
				throw violatesForeignKey(error) ? new ApiError("conflict", "The feed has just been deleted.") : error;
			});
			await keepSchedulesQuietly(app);
			return view(name);
		},
	);

	app.get(
		"/deployments/:name/refresh",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getRefresh",
				summary: "How the deployment renews itself, when next, and what became of it last",
				response: { 200: RefreshRuleView, ...problems },
			},
		},
		async (request) => view(request.params.name),
	);

	app.delete(
		"/deployments/:name/refresh",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "deleteRefresh",
				summary: "Nothing is renewed by itself any more; a refresh under way goes on, and earlier ones stay",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			if (!(await prisma.$transaction((tx) => dropRule(tx, request.params.name)))) throw noRule();
			await keepSchedulesQuietly(app);
			return reply.code(204).send(null);
		},
	);
};
export default routes;
