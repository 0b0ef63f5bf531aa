import multipart, { type Multipart, type MultipartFile } from "@fastify/multipart";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { after, newestFirst, pageOf } from "../cursor.js";
import { datasetKey, type Stored, store, uploadKeys } from "../dataset-store.js";
import { ApiError } from "../errors.js";
import { digest } from "../hash.js";
import { completeRule, ImportRule, parseRule, ROLES, wrong } from "../import-rule.js";
import { isFinal } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { IdParams, page, pageQuery, problems, State } from "../schemas.js";
import { isText, validatorCompiler } from "../validation.js";
import { DatasetView, datasetInclude, datasetView, type StoredFile } from "../views/dataset.js";

const MOST_FILES = 20;
const MOST_FIELDS = 10;
const MOST_FIELD_BYTES = 100_000;
const MOST_NAME = 200;

const File = Type.Unsafe<Blob>({ type: "string", format: "binary" });
const Upload = Type.Object(
	{
		name: Type.String({ minLength: 1, maxLength: MOST_NAME }),
		rule: Type.Optional(ImportRule),
		...Object.fromEntries(ROLES.map((role) => [role, Type.Optional(File)])),
	},
	{
		description:
			"Fields before files. Files are interactions (one or several), or train, test and maybe valid; and maybe items.",
	},
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	await app.register(multipart, {
		limits: {
			fieldSize: MOST_FIELD_BYTES,
			fields: MOST_FIELDS,
			files: MOST_FILES,
			fileSize: app.config.mostUploadBytes,
			parts: MOST_FILES + MOST_FIELDS,
		},
		throwFileSizeLimit: true,
	});
	app.post(
		"/datasets",
		{
			schema: {
				summary:
					"Upload a dataset and queue its import; the same bytes and rule answer 200 with the one there is, if it is whole",
				tags: ["datasets"],
				consumes: ["multipart/form-data"],
				body: Upload,
				response: { 200: DatasetView, 202: DatasetView, ...problems },
			},
			// The body is a stream: what its parts may be is checked as they come.
			validatorCompiler: (part) => (part.httpPart === "body" ? () => true : validatorCompiler(part)),
		},
		async (request, reply) => {
			if (!request.isMultipart()) throw new ApiError("unsupported_media_type", "Send multipart/form-data.");
			const { id, lease } = await take(request);
			if (lease !== null) {
				await app.queue.add("import", id, lease).catch((err) => request.log.warn({ err }, "waits for the reconciler"));
			}
			reply.code(lease === null ? 200 : 202).header("location", `/datasets/${id}`);
			return view(id);
		},
	);

	/** Stages the files and stores the dataset; whatever is staged for nothing is gone when this ends. */
	async function take(request: FastifyRequest): Promise<Stored> {
		const files: StoredFile[] = [];
		let stored: Stored | undefined;
		try {
			const { name, rule: asked } = await receive(request, files);
			const rule = completeRule(
				asked,
				files.map((file) => file.role),
			);
			const proofs = files.map(({ role, sha256 }) => `${role} ${sha256}`).sort();
			stored = await store(app, name, digest({ files: proofs, rule }), rule, files);
			return stored;
		} finally {
			if (stored && stored.lease !== null) await app.removals.carryOut(stored.replaced);
			else await app.removals.discard(uploadKeys(files));
		}
	}

	/** Stages every file as it comes; `files` grows by what is staged, also when this throws. */
	async function receive(request: FastifyRequest, files: StoredFile[]): Promise<{ name: string; rule: ImportRule }> {
		let name: unknown;
		let rule: ImportRule | undefined;
		for await (const part of partsOf(request)) {
			if (part.type === "file") files.push(await stage(part));
			else if (part.fieldname === "name" && name === undefined) name = part.value;
			else if (part.fieldname === "rule" && rule === undefined) rule = parseRule(part.value);
			else if (["name", "rule"].includes(part.fieldname))
				throw wrong(`/${part.fieldname}`, "not_allowed", "is given twice");
			else throw wrong(`/${part.fieldname}`, "unknown_field", "is not known here: fields are name and rule");
		}
		if (name === undefined) throw wrong("/name", "missing_field", "is missing");
		if (typeof name !== "string" || name.length === 0 || name.length > MOST_NAME || !isText(name)) {
			throw wrong("/name", "bad_format", `must be 1 to ${MOST_NAME} characters of text`);
		}
		return { name, rule: rule ?? {} };
	}

	async function stage(part: MultipartFile): Promise<StoredFile> {
		if (!ROLES.includes(part.fieldname)) {
			throw wrong(`/${part.fieldname}`, "unknown_field", `is not known here: files are ${ROLES.join(", ")}`);
		}
		const { uploadKey, sha256, bytes } = await app.trainer.uploadFile(part.file);
		const displayName = (part.filename || part.fieldname).toWellFormed().replaceAll("\u0000", "").slice(-255);
		return { role: part.fieldname, uploadKey, sha256, bytes, displayName };
	}

	async function view(id: string) {
		const row = await prisma.dataset.findUnique({ where: { id }, include: datasetInclude });
		if (!row) throw new ApiError("not_found", "There is no dataset with this id.");
		return datasetView(row);
	}

	app.get(
		"/datasets",
		{
			schema: {
				summary: "Datasets, newest first",
				tags: ["datasets"],
				querystring: pageQuery({ state: Type.Optional(State) }),
				response: { 200: page(DatasetView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, state } = request.query;
			const rows = await prisma.dataset.findMany({
				where: { ...after(cursor), ...(state && { job: { state } }) },
				include: datasetInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			});
			return pageOf(rows, limit, datasetView);
		},
	);

	app.get(
		"/datasets/:id",
		{
			schema: {
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
			schema: {
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
			schema: {
				summary: "Delete a dataset that no experiment is on, with its files",
				tags: ["datasets"],
				params: IdParams,
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			await app.removals.forget((tx) => removeRow(tx, id), "An experiment on it has just been launched.");
			return reply.code(204).send(null);
		},
	);
};
export default routes;

/** Returns the keys of its files. Throws conflict while it is being imported or an experiment is on it. */
async function removeRow(tx: Transaction, id: string): Promise<string[]> {
	const row = await tx.dataset.findUnique({ where: { id }, include: { job: true, _count: true } });
	if (!row) throw new ApiError("not_found", "There is no dataset with this id.");
	if (!isFinal(row.job.state)) throw new ApiError("conflict", `Its import is ${row.job.state}; cancel it first.`);
	const { experiments } = row._count;
	if (experiments > 0) {
		const those =
			experiments === 1 ? "1 experiment is on it; delete that" : `${experiments} experiments are on it; delete those`;
		throw new ApiError("conflict", `${those} first.`);
	}
	// The state again: an upload of the same bytes may have reopened the import meanwhile.
	const { count } = await tx.job.deleteMany({ where: { id, lease: row.job.lease, state: row.job.state } });
	if (count === 0) throw new ApiError("conflict", "It has just been uploaded again.");
	return [...uploadKeys(row.files), row.artifactKey ?? datasetKey(row.digest)];
}

async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
	try {
		yield* request.parts();
	} catch (error) {
		// What the parser says of a broken body has neither code nor status.
		if (!(error instanceof Error) || "code" in error) throw error;
		throw new ApiError("invalid_request", "The multipart body is broken or ends too early.");
	}
}
