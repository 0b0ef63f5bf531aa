import multipart, { type Multipart } from "@fastify/multipart";
import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { completeRule, ImportRule, parseRule, ROLES, wrong } from "../datasets/import-rule.js";
import type { PreviewedTable, PreviewFile } from "../generated/proto/trainer/v1/trainer.js";
import { ApiError } from "../http/errors.js";
import { partsOf, shownName } from "../http/multipart.js";
import { Nullable, needs, problems } from "../http/schemas.js";
import { validatorCompiler } from "../http/validation.js";
import { ImportProblem } from "../views/import.js";

const HEAD_BYTES = 65_536;
const MOST_FILES = 20;
/** Of a file whose end is sent beside its beginning. */
const MOST_BYTES = 2 ** 40;
/** For a file of which the caller does not know what it holds. */
const ANY_ROLE = "file";
/** Of one of those: it is none of the files to send. */
const NOT_NEEDED = "not_needed";
/** Code of a warning: the preview does not see all of an archive. */
const NOT_SHOWN = "not_shown";

const File = Type.Unsafe<Blob>({ type: "string", format: "binary" });
const Upload = Type.Object(
	{
		rule: Type.Optional(ImportRule),
		...Object.fromEntries([ANY_ROLE, ...ROLES].map((role) => [role, Type.Optional(File)])),
		tailOffset: Type.Optional(Type.Integer({ minimum: 0, maximum: MOST_BYTES })),
		tail: Type.Optional(File),
	},
	{
		title: "NewPreview",
		...needs([ANY_ROLE, ...ROLES].map((role) => [role])),
		additionalProperties: false,
		description:
			"The first 65,536 bytes of each file are enough, and more is not read. `file` is one whose role is guessed, " +
			"or which a warning `not_needed` names: an unpacked dump holds it beside what an import takes. " +
			"A zip and Parquet say at their end what they hold: `tailOffset` and then `tail`, the last 65,536 bytes or " +
			"fewer, may follow such a file. What neither shows a warning `not_shown` names, and the import takes all.",
	},
);
const Dialect = Type.Object(
	{
		format: Type.Enum(["csv", "json-lines", "python-lines", "json-array", "parquet"]),
		compression: Type.String({ description: "Empty, or gzip, zstd, zip, tar, joined by +." }),
		encoding: Type.String({ description: "utf-8 or windows-1252; empty for Parquet." }),
		separator: Type.String(),
		quote: Type.String(),
		header: Type.Boolean({ description: "Whether the first line names the columns." }),
		firstLine: Type.Integer({ description: "Of the first row, from 1." }),
	},
	{ title: "Dialect" },
);
const PreviewedColumn = Type.Object(
	{
		name: Type.String(),
		role: Nullable(Type.Enum(["user", "item", "rating", "timestamp", "title", "tags"])),
		why: Type.String({ description: "Why the role was taken." }),
		form: Nullable(
			Type.String({
				description:
					"Of a column of times: seconds, milliseconds, ..., ISO 8601 and whether it says a zone. They are shown as read.",
			}),
		),
	},
	{ title: "PreviewedColumn" },
);
const PreviewedFile = Type.Object(
	{
		file: Type.String({ description: "As it was given." }),
		name: Type.String({ description: "Of the table in it: an archive may hold several." }),
		role: Type.Enum(ROLES),
		dialect: Dialect,
		columns: Type.Array(PreviewedColumn, { description: "In the order of the file." }),
		rows: Type.Array(Type.Array(Type.String()), { description: "The first ones as they are read, at most 20." }),
	},
	{ title: "PreviewedFile" },
);
const Preview = Type.Object(
	{
		files: Type.Array(PreviewedFile),
		problems: Type.Array(ImportProblem, { description: "What an import would refuse." }),
		warnings: Type.Array(ImportProblem, { description: "What it would say and go on." }),
	},
	{ title: "Preview" },
);

/** Apart from the other routes of datasets: what it takes of a file is bounded, and nothing of it is kept. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
	await app.register(multipart, {
		limits: {
			fieldSize: 100_000,
			fields: MOST_FILES + 1,
			files: 2 * MOST_FILES,
			fileSize: HEAD_BYTES,
			parts: 3 * MOST_FILES + 1,
		},
		throwFileSizeLimit: false,
	});
	app.post(
		"/datasets/preview",
		{
			config: { access: ["data"], audit: false },
			schema: {
				operationId: "previewDataset",
				summary: "What an import would make of files, from their first bytes; nothing is stored",
				tags: ["datasets"],
				consumes: ["multipart/form-data"],
				body: Upload,
				response: { 200: Preview, ...problems },
			},
			// The body is a stream: what its parts may be is checked as they come.
			validatorCompiler: (part) => (part.httpPart === "body" ? () => true : validatorCompiler(part)),
		},
		async (request) => {
			if (!request.isMultipart()) throw new ApiError("unsupported_media_type", "Send multipart/form-data.");
			const files: PreviewFile[] = [];
			let rule: ImportRule | undefined;
			let offset: number | undefined;
			for await (const part of partsOf(request)) {
				if (part.type === "file" && part.fieldname === "tail") await addTail(files.at(-1), offset, part);
				else if (part.type === "file") files.push(await headOf(part, files.length));
				else if (part.fieldname === "tailOffset") offset = offsetOf(part.value);
				else if (part.fieldname === "rule" && rule === undefined) rule = parseRule(part.value);
				else if (part.fieldname === "rule") throw wrong("/rule", "not_allowed", "is given twice");
				else throw wrong(`/${part.fieldname}`, "unknown_field", "is not known here: fields are rule, tailOffset");
				if (part.type === "file") offset = undefined;
			}
			if (offset !== undefined) throw wrong("/tail", "missing_field", "is missing: it follows tailOffset");
			if (files.length === 0) throw wrong(`/${ANY_ROLE}`, "missing_field", "is missing: give at least one file");
			const preview = await app.trainer.previewDataset({ files, ruleJson: JSON.stringify(rule ?? {}) });
			const { tables, problems, warnings } = preview;
			const isNeeded = (name: string) => !warnings.some((one) => one.code === NOT_NEEDED && one.file === name);
			const taken = files.filter(({ displayName }) => isNeeded(displayName));
			const isShown = (name: string) => !warnings.some((one) => one.code === NOT_SHOWN && one.file === name);
			const ofThem = ofAll(taken, tables, rule ?? {}, isShown);
			return { files: tables.map(fileView), problems: [...problems, ...ofThem], warnings };
		},
	);
};
export default routes;

/** What an import would refuse of the files together and their rule; nothing while the role of one is unknown. */
function ofAll(
	files: PreviewFile[],
	tables: PreviewedTable[],
	rule: ImportRule,
	isShown: (file: string) => boolean,
): Static<typeof ImportProblem>[] {
	const roles = files.map(({ role, displayName }) => {
		const found = tables.filter(({ file }) => file === displayName).map((table) => table.role);
		if (role && role !== "interactions") return [role];
		// What else an archive holds, further parts among it, is seen on import.
		if (!isShown(displayName)) return found.filter((one) => one === "interactions");
		return found.length > 0 || !role ? found : [role];
	});
	if (roles.some((found) => found.length === 0)) return [];
	try {
		completeRule(rule, roles.flat());
		return [];
	} catch (error) {
		if (!(error instanceof ApiError)) throw error;
		const code = error.problems[0]?.code ?? error.code;
		return [{ code, file: "", line: 0, column: "", message: error.message }];
	}
}

type FilePart = Extract<Multipart, { type: "file" }>;

function offsetOf(value: unknown): number {
	const offset = typeof value === "string" && /^\d{1,13}$/.test(value) ? Number(value) : Number.NaN;
	if (offset <= MOST_BYTES) return offset;
	throw wrong("/tailOffset", "out_of_range", `must be a whole number from 0 to ${MOST_BYTES}: where the tail begins`);
}

async function addTail(of: PreviewFile | undefined, offset: number | undefined, part: FilePart): Promise<void> {
	if (!of || offset === undefined || of.tail.length > 0)
		throw wrong("/tail", "not_allowed", "follows a file and its tailOffset");
	const tail = await part.toBuffer();
	if (part.file.truncated) throw wrong("/tail", "out_of_range", `must be at most ${HEAD_BYTES} bytes`);
	Object.assign(of, { tail, tailOffset: offset });
}

async function headOf(part: FilePart, before: number): Promise<PreviewFile> {
	if (part.fieldname !== ANY_ROLE && !ROLES.includes(part.fieldname)) {
		throw wrong(
			`/${part.fieldname}`,
			"unknown_field",
			`is not known here: files are ${[ANY_ROLE, ...ROLES, "tail"].join(", ")}`,
		);
	}
	if (before === MOST_FILES)
		throw wrong(`/${part.fieldname}`, "not_allowed", `is one file too many: a preview takes ${MOST_FILES}`);
	const head = await part.toBuffer();
	return {
		role: part.fieldname === ANY_ROLE ? "" : part.fieldname,
		displayName: shownName(part),
		head,
		isWhole: head.length < HEAD_BYTES,
		tail: Buffer.alloc(0),
		tailOffset: 0,
	};
}

function fileView(table: PreviewedTable): Static<typeof PreviewedFile> {
	const { file, name, role, format, compression, encoding, separator, quote, header, firstLine, columns, rows } = table;
	return {
		file,
		name,
		role,
		dialect: { format, compression, encoding, separator, quote, header, firstLine },
		columns: columns.map((column) => ({ ...column, role: column.role || null, form: column.form || null })),
		rows: rows.map(({ cells }) => cells),
	} as Static<typeof PreviewedFile>;
}
