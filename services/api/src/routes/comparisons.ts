import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { NewComparison } from "../comparisons/asking.js";
import { compare } from "../comparisons/launch.js";
import { type StoredResult, shownResult } from "../comparisons/result.js";
import { betterBy } from "../comparisons/verdict.js";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { IdempotencyHeaders, IdParams, page, pageQuery, problems, UuidOf } from "../http/schemas.js";
import type { Remember } from "../plugins/idempotency.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { ComparisonView, comparisonQuery, comparisonView, effortsIn, WholeComparison } from "../views/comparison.js";

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const tags = ["comparisons"];
	const one = { tags, params: IdParams };

	app.post(
		"/comparisons",
		{
			config: { access: ["train"] },
			schema: {
				tags,
				operationId: "createComparison",
				summary: "Compare runs under one protocol, user by user: intervals, tests and who gains",
				body: NewComparison,
				headers: IdempotencyHeaders,
				response: { 202: WholeComparison, ...problems },
			},
		},
		async (request, reply) => {
			const begin = (remember: Remember) => compare(app, request.body, remember);
			return (await app.once(request, reply, begin)) as Static<typeof WholeComparison>;
		},
	);

	app.get(
		"/comparisons",
		{
			config: { access: ["train"] },
			schema: {
				tags,
				operationId: "listComparisons",
				summary: "Comparisons, newest first, without what they have found",
				querystring: pageQuery({
					dataset: Type.Optional(UuidOf("Only on this one.")),
					run: Type.Optional(UuidOf("Only with this one.")),
				}),
				response: { 200: page(ComparisonView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, dataset, run } = request.query;
			const query = {
				...comparisonQuery,
				where: {
					...after(cursor),
					...(dataset && { datasetId: dataset }),
					...(run && { runs: { some: { runId: run } } }),
				},
				orderBy: [...newestFirst],
				take: limit + 1,
			};
			return prisma.$transaction(async (tx) => {
				const rows = await tx.comparison.findMany(query);
				const effortOf = await effortsIn(tx, rows);
				return pageOf(rows, limit, (row) => comparisonView(row, effortOf));
			}, AT_ONE_MOMENT);
		},
	);

	/** Nobody who was erased since the dataset was taken is named. */
	async function view(id: string): Promise<Static<typeof WholeComparison>> {
		const query = {
			where: { id },
			include: { ...comparisonQuery.include, dataset: { select: { id: true, name: true, feed: true, since: true } } },
		};
		const { row, effortOf } = await prisma.$transaction(async (tx) => {
			const row = await tx.comparison.findUnique(query);
			if (!row) throw new ApiError("not_found", "There is no comparison with this id.");
			return { row, effortOf: await effortsIn(tx, [row]) };
		}, AT_ONE_MOMENT);
		const { feed: _feed, since: _since, ...dataset } = row.dataset;
		const sources = app.deployments.sourcesOf(row.dataset);
		const isErased = (user: string) => app.erasures.of(sources, user) !== null;
		const found = row.result as StoredResult | null;
		const whole = comparisonView({ ...row, dataset }, effortOf);
		if (found === null) return { ...whole, result: null };
		const closed = await app.catalogue.able("closed_form");
		const isClosedForm = (group: number) => closed.includes(whole.groups[group]?.model ?? "");
		const better = betterBy(await app.catalogue.metrics());
		return { ...whole, result: shownResult(found, { better, isClosedForm, isErased }) };
	}

	app.get(
		"/comparisons/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getComparison",
				summary: "One comparison, with what it has found",
				response: { 200: WholeComparison, ...problems },
			},
		},
		async (request) => view(request.params.id),
	);

	app.post(
		"/comparisons/:id/cancel",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "cancelComparison",
				summary: "Cancel a comparison",
				response: { 202: WholeComparison, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { state } = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The comparison is ${state} already.`);
			return reply.code(202).send(await view(id));
		},
	);

	app.delete(
		"/comparisons/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "deleteComparison",
				summary: "Delete a comparison; its runs stay",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			await prisma.$transaction(async (tx) => {
				const { count } = await tx.job.deleteMany({ where: { id, kind: "comparison", state: { in: FINAL_STATES } } });
				if (count === 0) {
					const { state } = await view(id);
					throw new ApiError("conflict", `The comparison is ${state}; cancel it first.`);
				}
				await tx.idempotencyKey.deleteMany({ where: { location: `/comparisons/${id}` } });
			});
			return reply.code(204).send(null);
		},
	);
};
export default routes;
