import { randomUUID } from "node:crypto";
import multipart, { type Multipart, type MultipartFile } from "@fastify/multipart";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { after, newestFirst, pageOf } from "../cursor.js";
import { ApiError } from "../errors.js";
import type { Prisma } from "../generated/prisma/client.js";
import { digest } from "../hash.js";
import { completeRule, ImportRule, parseRule, ROLES, wrong } from "../import-rule.js";
import { violatesUnique } from "../plugins/prisma.js";
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
	/** Best effort: the trainer sweeps staged files after a day. */
	const discard = (files: StoredFile[]) =>
		app.trainer
			.deleteArtifacts(files.map((file) => file.uploadKey))
			.catch((err) => app.log.warn({ err }, "uploads stay staged"));

	app.post(
		"/datasets",
		{
			schema: {
				summary: "Upload a dataset and queue its import; the same bytes and rule answer 200 with the one there is",
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
			const { id, created } = await take(request);
			if (created) {
				await app.queue.add("import", id, 0).catch((err) => request.log.warn({ err }, "waits for the reconciler"));
			}
			reply.code(created ? 202 : 200).header("location", `/datasets/${id}`);
			return view(id);
		},
	);

	/** Stages the files and stores the dataset; whatever is staged for nothing is gone when this ends. */
	async function take(request: FastifyRequest): Promise<{ id: string; created: boolean }> {
		const files: StoredFile[] = [];
		let unused = files;
		try {
			const { name, rule: asked } = await receive(request, files);
			const rule = completeRule(
				asked,
				files.map((file) => file.role),
			);
			const proofs = files.map(({ role, sha256 }) => `${role} ${sha256}`).sort();
			const { id, replaced } = await store(name, digest({ files: proofs, rule }), rule, files);
			if (replaced) unused = replaced;
			return { id, created: replaced !== null };
		} finally {
			if (unused.length > 0) await discard(unused);
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

	/** `replaced` are the files of a failed import that made room; null when the dataset was there already. */
	async function store(name: string, key: string, rule: ImportRule, files: StoredFile[]) {
		const id = randomUUID();
		try {
			return await prisma.$transaction(async (tx) => {
				const known = await tx.dataset.findUnique({ where: { digest: key }, include: { job: true } });
				const failed = known !== null && ["FAILED", "CANCELLED"].includes(known.job.state);
				if (known && !failed) return { id: known.id, replaced: null };
				if (known) await tx.job.delete({ where: { id: known.id } });
				await app.jobs.create(tx, [id], "import");
				const data = { id, name, digest: key, rule: rule as Prisma.InputJsonObject };
				await tx.dataset.create({ data: { ...data, files: files as unknown as Prisma.InputJsonArray } });
				return { id, replaced: (known?.files ?? []) as unknown as StoredFile[] };
			});
		} catch (error) {
			// Two uploads of the same bytes at once: the unique digest lets one through.
			const twin = violatesUnique(error) ? await prisma.dataset.findUnique({ where: { digest: key } }) : null;
			if (!twin) throw error;
			return { id: twin.id, replaced: null };
		}
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
};
export default routes;

async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
	try {
		yield* request.parts();
	} catch (error) {
		// What the parser says of a broken body has neither code nor status.
		if (!(error instanceof Error) || "code" in error) throw error;
		throw new ApiError("invalid_request", "The multipart body is broken or ends too early.");
	}
}
