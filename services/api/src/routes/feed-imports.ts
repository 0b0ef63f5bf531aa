import { randomUUID } from "node:crypto";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { type StoredFile, uploadKeys } from "../datasets/dataset-store.js";
import { wrong } from "../datasets/import-rule.js";
import { allButBody, receiveUpload, takeUploads, UploadedFile } from "../datasets/uploading.js";
import { beginSending, refuseSentTooLong } from "../feeds/erasures.js";
import { FEED_ROLES, FeedRule, parseFeedRule } from "../feeds/import-rule.js";
import type { Prisma } from "../generated/prisma/client.js";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { FeedName, IdParams, needs, page, pageQuery, problems } from "../http/schemas.js";
import { noFeed } from "../plugins/feeds.js";
import { AT_ONE_MOMENT, violatesForeignKey } from "../plugins/prisma.js";
import { FeedImportView, feedImportInclude, feedImportView } from "../views/feed-import.js";

const Params = Type.Object({ name: FeedName }, { additionalProperties: false });
const Upload = Type.Object(
	{
		rule: Type.Optional(FeedRule),
		...Object.fromEntries(FEED_ROLES.map((role) => [role, Type.Optional(UploadedFile)])),
	},
	{
		title: "NewFeedImport",
		...needs([["interactions"], ["items"]]),
		additionalProperties: false,
		description:
			"The rule before files. Files are interactions and maybe items, or items alone; of each one or several.",
	},
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	await takeUploads(app);

	async function feedIdOf(name: string): Promise<number> {
		const feed = await prisma.feed.findUnique({ where: { name }, select: { id: true } });
		if (!feed) throw noFeed();
		return feed.id;
	}

	app.post(
		"/feeds/:name/imports",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "createFeedImport",
				summary: "Upload files and queue their import into a feed; rows that are there already count once",
				tags: ["feeds"],
				consumes: ["multipart/form-data"],
				params: Params,
				body: Upload,
				response: { 202: FeedImportView, ...problems },
			},
			validatorCompiler: allButBody,
		},
		async (request, reply) => {
			const feedId = await feedIdOf(request.params.name);
			const files: StoredFile[] = [];
			const id = randomUUID();
			const sending = await beginSending(prisma);
			try {
				const { rule = {} } = await receiveUpload(app, request, FEED_ROLES, { rule: parseFeedRule }, files);
				refuseWrong(files);
				refuseSentTooLong(sending);
				await prisma.$transaction(async (tx) => {
					await app.jobs.create(tx, [id], "feed_import");
					const data = { id, feedId, rule, since: sending.since, files: files as unknown as Prisma.InputJsonArray };
					await tx.feedImport.create({ data });
				});
			} catch (error) {
				await app.removals.discard(uploadKeys(files));
				throw violatesForeignKey(error) ? noFeed() : error;
			}
			await app.queue
				.add({ kind: "feed_import", id, lease: 0 })
				.catch((err) => app.log.warn({ err }, "waits for the reconciler"));
			reply.code(202).header("location", `/feed-imports/${id}`);
			return view(id);
		},
	);

	async function view(id: string) {
		const row = await prisma.$transaction(
			(tx) => tx.feedImport.findUnique({ where: { id }, include: feedImportInclude }),
			AT_ONE_MOMENT,
		);
		if (!row) throw new ApiError("not_found", "There is no import into a feed with this id.");
		return feedImportView(row);
	}

	app.get(
		"/feeds/:name/imports",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "listFeedImports",
				summary: "Imports of files into a feed, newest first",
				tags: ["feeds"],
				params: Params,
				querystring: pageQuery({}),
				response: { 200: page(FeedImportView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor } = request.query;
			const feedId = await feedIdOf(request.params.name);
			const query = {
				where: { ...after(cursor), feedId },
				include: feedImportInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			};
			const rows = await prisma.$transaction((tx) => tx.feedImport.findMany(query), AT_ONE_MOMENT);
			return pageOf(rows, limit, feedImportView);
		},
	);

	app.get(
		"/feed-imports/:id",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "getFeedImport",
				summary: "One import of files into a feed",
				tags: ["feeds"],
				params: IdParams,
				response: { 200: FeedImportView, ...problems },
			},
		},
		async (request) => view(request.params.id),
	);

	app.post(
		"/feed-imports/:id/cancel",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "cancelFeedImport",
				summary: "Cancel an import into a feed; the rows that are stored stay",
				tags: ["feeds"],
				params: IdParams,
				response: { 202: FeedImportView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { state } = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The import is ${state} already.`);
			return reply.code(202).send(await view(id));
		},
	);
};
export default routes;

function refuseWrong(files: StoredFile[]): void {
	if (files.length === 0)
		throw wrong("/interactions", "missing_field", "is missing: a file of interactions, or of items");
}
