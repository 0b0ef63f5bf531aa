import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { forgetDataset } from "../artifacts/deletion.js";
import {
	FAILED_IMPORT,
	type Stored,
	type StoredFile,
	sentNow,
	storeAndQueue,
	uploadKeys,
} from "../datasets/dataset-store.js";
import { completeRule, ImportRule, mayHoldParts, parseRule, ROLES, wrong } from "../datasets/import-rule.js";
import { allButBody, receiveUpload, takeUploads, UploadedFile } from "../datasets/uploading.js";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { IdParams, needs, page, pageQuery, problems, State } from "../http/schemas.js";
import { isText } from "../http/validation.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { DatasetView, datasetInclude, datasetView } from "../views/dataset.js";

const MOST_NAME = 200;

const Upload = Type.Object(
	{
		name: Type.String({ minLength: 1, maxLength: MOST_NAME }),
		rule: Type.Optional(ImportRule),
		...Object.fromEntries(ROLES.map((role) => [role, Type.Optional(UploadedFile)])),
	},
	{
		title: "NewDataset",
		...needs(
			[["interactions"], ["train", "test"]],
			["train", "valid", "test"].map((part) => ["interactions", part]),
		),
		additionalProperties: false,
		description:
			"Fields before files. Files are interactions, or train, test and maybe valid; and maybe items; of each one or several.",
	},
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	await takeUploads(app);
	app.post(
		"/datasets",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "createDataset",
				summary:
					"Upload a dataset and queue its import; the same bytes and rule answer 200 with the one there is, if it is whole",
				tags: ["datasets"],
				consumes: ["multipart/form-data"],
				body: Upload,
				response: { 200: DatasetView, 202: DatasetView, ...problems },
			},
			validatorCompiler: allButBody,
		},
		async (request, reply) => {
			const { id, lease } = await take(request);
			reply.code(lease === null ? 200 : 202).header("location", `/datasets/${id}`);
			return view(id);
		},
	);

	/** Stages the files and stores the dataset; nothing stays of what cannot be stored. */
	async function take(request: FastifyRequest): Promise<Stored> {
		const files: StoredFile[] = [];
		const sent = await sentNow(app);
		const { name, rule } = await wanted(request, files).catch(async (error) => {
			await app.removals.discard(uploadKeys(files));
			throw error;
		});
		return storeAndQueue(app, name, rule, files, sent);
	}

	async function wanted(request: FastifyRequest, files: StoredFile[]): Promise<{ name: string; rule: ImportRule }> {
		const { name, rule } = await receive(request, files);
		const roles = files.map((file) => file.role);
		return { name, rule: completeRule(rule, roles, mayHoldParts(files)) };
	}

	async function receive(request: FastifyRequest, files: StoredFile[]): Promise<{ name: string; rule: ImportRule }> {
		const fields = { name: (value: unknown) => value, rule: parseRule };
		const { name, rule = {} } = await receiveUpload(app, request, ROLES, fields, files);
		if (name === undefined) throw wrong("/name", "missing_field", "is missing");
		if (typeof name !== "string" || name.length === 0 || name.length > MOST_NAME || !isText(name)) {
			throw wrong("/name", "bad_format", `must be 1 to ${MOST_NAME} characters of text`);
		}
		return { name, rule };
	}

	async function view(id: string) {
		const query = { where: { id }, include: datasetInclude };
		const row = await prisma.$transaction((tx) => tx.dataset.findUnique(query), AT_ONE_MOMENT);
		if (!row) throw new ApiError("not_found", "There is no dataset with this id.");
		return datasetView(row);
	}

	app.get(
		"/datasets",
		{
			config: { access: ["data", "train"] },
			schema: {
				operationId: "listDatasets",
				summary: "Datasets, newest first; imports that failed or were cancelled when they are asked for",
				tags: ["datasets"],
				querystring: pageQuery({
					state: Type.Optional(State),
					failed: Type.Boolean({ default: false, description: "Also imports that failed or were cancelled." }),
				}),
				response: { 200: page(DatasetView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, state, failed } = request.query;
			const query = {
				where: { ...after(cursor), ...(state ? { job: { state } } : !failed && { NOT: FAILED_IMPORT }) },
				include: datasetInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			};
			const rows = await prisma.$transaction((tx) => tx.dataset.findMany(query), AT_ONE_MOMENT);
			return pageOf(rows, limit, datasetView);
		},
	);

	app.get(
		"/datasets/:id",
		{
			config: { access: ["data", "train"] },
			schema: {
				operationId: "getDataset",
				summary: "One dataset",
				tags: ["datasets"],
				params: IdParams,
				response: { 200: DatasetView, ...problems },
			},
		},
		async (request) => view(request.params.id),
	);

	app.post(
		"/datasets/:id/cancel",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "cancelImport",
				summary: "Cancel an import",
				tags: ["datasets"],
				params: IdParams,
				response: { 202: DatasetView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { state } = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The import is ${state} already.`);
			return reply.code(202).send(await view(id));
		},
	);

	app.delete(
		"/datasets/:id",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "deleteDataset",
				summary: "Delete a dataset with its files, and with its finished experiments if that is asked for",
				tags: ["datasets"],
				params: IdParams,
				querystring: Type.Object(
					{ withExperiments: Type.Boolean({ default: false, description: "Its experiments go along." }) },
					{ additionalProperties: false },
				),
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { withExperiments } = request.query;
			await app.steering.beforeForget(id);
			let said: Awaited<ReturnType<typeof app.steering.forget>> = [];
			await app.removals.forget(async (tx) => {
				const keys = await forgetDataset(tx, id, withExperiments);
				said = await app.steering.forget(tx, id);
				return keys;
			}, "Something on it has just been launched or deployed.");
			for (const { deploymentName, user } of said) await app.steering.refresh(deploymentName, user);
			return reply.code(204).send(null);
		},
	);
};
export default routes;
