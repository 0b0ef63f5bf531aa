import { randomUUID } from "node:crypto";
import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { exportKey } from "../artifacts/export-store.js";
import type { Since } from "../feeds/since.js";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { DeploymentName, Id, IdempotencyHeaders, IdParams, page, pageQuery, problems } from "../http/schemas.js";
import { sinceOf } from "../plugins/deployments.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import { AT_ONE_MOMENT, violatesForeignKey } from "../plugins/prisma.js";
import { ExportView, exportQuery, exportView, FORMATS } from "../views/export.js";

/** A hundred thousand ids of 512 bytes, as JSON. */
const MOST_BODY_BYTES = 64 * 2 ** 20;
const NewExport = Type.Object(
	{
		n: Type.Integer({ minimum: 1, maximum: 1000, default: 20 }),
		format: Type.Enum([...FORMATS], { type: "string" }),
		explain: Type.Boolean({ default: false, description: "With interest shares and the history items behind it." }),
		// Each keyword looks at its own type only, so that a wrong value has one error, at its place.
		users: Type.Unsafe<"all" | string[]>({
			type: ["string", "array"],
			pattern: "^all$",
			items: Id,
			minItems: 1,
			maxItems: 100_000,
			uniqueItems: true,
			default: "all",
			description: "In this order; all: everybody, in the order of the dataset.",
		}),
	},
	{ title: "NewExport", additionalProperties: false },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["exports"], params: IdParams };

	app.post(
		"/deployments/:name/exports",
		{
			config: { access: ["train"] },
			bodyLimit: MOST_BODY_BYTES,
			schema: {
				operationId: "createExport",
				summary: "Write the recommendations of many users into one file",
				tags: ["exports"],
				params: Type.Object({ name: DeploymentName }, { additionalProperties: false }),
				body: NewExport,
				headers: IdempotencyHeaders,
				response: { 202: ExportView, ...problems },
			},
		},
		async (request, reply) => {
			const begin = (remember: Remember) => launch(app, request.params.name, request.body, remember);
			return (await app.once(request, reply, begin)) as Static<typeof ExportView>;
		},
	);

	app.get(
		"/exports",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "listExports",
				summary: "Exports, newest first",
				tags: ["exports"],
				querystring: pageQuery({ deployment: Type.Optional(DeploymentName) }),
				response: { 200: page(ExportView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, deployment } = request.query;
			const rows = await prisma.export.findMany({
				...exportQuery,
				where: { ...after(cursor), ...(deployment && { deploymentName: deployment }) },
				orderBy: [...newestFirst],
				take: limit + 1,
			});
			return pageOf(rows, limit, exportView);
		},
	);

	async function view(id: string) {
		const row = await prisma.$transaction(
			(tx) => tx.export.findUnique({ ...exportQuery, where: { id } }),
			AT_ONE_MOMENT,
		);
		if (!row) throw new ApiError("not_found", "There is no export with this id.");
		return exportView(row);
	}

	app.get(
		"/exports/:id",
		{
			config: { access: ["train"] },
			schema: { ...one, operationId: "getExport", summary: "One export", response: { 200: ExportView, ...problems } },
		},
		async (request) => view(request.params.id),
	);

	app.post(
		"/exports/:id/cancel",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "cancelExport",
				summary: "Cancel an export",
				response: { 202: ExportView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { state } = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The export is ${state} already.`);
			return reply.code(202).send(await view(id));
		},
	);

	app.delete(
		"/exports/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "deleteExport",
				summary: "Delete an export with its file",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			await app.removals.forget(async (tx) => {
				const { state } = await view(id);
				const { count } = await tx.job.deleteMany({ where: { id, kind: "export", state: { in: FINAL_STATES } } });
				if (count === 0) throw new ApiError("conflict", `The export is ${state}; cancel it first.`);
				await tx.idempotencyKey.deleteMany({ where: { location: `/exports/${id}` } });
				return [exportKey(id)];
			}, "The export is in use.");
			return reply.code(204).send(null);
		},
	);
};
export default routes;

/** Of the deployment as it is now: its checkpoint, the items it hides or that its feed says cannot be had, and the feed's rows until now. */
async function launch(
	app: FastifyInstance,
	name: string,
	{ n, format, explain, users }: Static<typeof NewExport>,
	remember: Remember,
): Promise<Answer> {
	const { prisma } = app;
	const include = { checkpoint: { include: { run: { include: { dataset: true } } } }, feed: true };
	const deployment = await prisma.deployment.findUnique({ where: { name }, include });
	if (!deployment) throw new ApiError("not_found", "There is no deployment with this name.");
	const { checkpoint, feed, feedId } = deployment;
	const where = { feedId: feedId ?? 0, available: false };
	const unavailable = await prisma.feedItem.findMany({ where, select: { id: true } });
	const hidden = [...new Set([...deployment.hidden, ...unavailable.map(({ id }) => id)])];
	const live = feed && (await upToNow(app, feed, checkpoint.run.dataset));
	const id = randomUUID();
	const usersAsked = users === "all" ? null : users.length;
	const of = { deploymentName: name, runId: checkpoint.runId, checkpointId: checkpoint.id, epoch: checkpoint.epoch };
	const store = prisma.$transaction(async (tx) => {
		await app.jobs.create(tx, [id], "export");
		const row = await tx.export.create({
			...exportQuery,
			data: { id, ...of, n, format, explain, hidden, usersAsked, ...(live && { live }) },
		});
		// As one text: the client takes a second for a hundred thousand values, and answers nobody meanwhile.
		if (users !== "all")
			await tx.$executeRaw`UPDATE exports SET users = ${JSON.stringify(users)}::jsonb WHERE id = ${id}::uuid`;
		const made = { status: 202, location: `/exports/${id}`, body: exportView(row) };
		await remember(tx, made);
		return made;
	});
	const answer = await store.catch((error) => {
		if (violatesForeignKey(error)) throw new ApiError("conflict", "What was deployed has just been deleted.");
		throw error;
	});
	await app.queue
		.add({ kind: "export", id, lease: 0 })
		.catch((err) => app.log.warn({ err }, "waits for the reconciler"));
	return answer;
}

/** The rows that are committed by now and that the dataset does not hold. */
async function upToNow(app: FastifyInstance, feed: { id: number; name: string }, dataset: { feed: unknown }) {
	const last = await app.prisma.feedInteraction.aggregate({ where: { feedId: feed.id }, _max: { seq: true } });
	const live = { feed: feed.id, since: sinceOf(feed.name, dataset.feed), upTo: Number(last._max.seq ?? 0) };
	return live satisfies Since;
}
