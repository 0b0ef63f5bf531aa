// Files become a dataset of the service: uploaded as they are, whatever they are, and waited for.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, Dataset, ImportProgress, ImportRule, Preview } from "@valence/client";
import type { Progress } from "@valence/supervisor/terminal";
import { Failure } from "./failure.js";
import { ROLES, type Role, type RoleFile } from "./file-roles.js";

const POLL_MS = 300;
/** What the service needs of each file to say how it would read it. */
const PREVIEW_BYTES = 64 * 1024;
const MOST_PREVIEWED = 20;

/** The multipart body that the service takes: fields before files, of each file no more than its first bytes. */
export async function formOf(
	{ name, rule }: { name?: string; rule: ImportRule },
	files: { path: string; role: Role | "file" }[],
	most = Number.POSITIVE_INFINITY,
): Promise<FormData> {
	const form = new FormData();
	if (name !== undefined) form.set("name", name);
	if (Object.keys(rule).length > 0) form.set("rule", JSON.stringify(rule));
	for (const { path, role } of files) {
		const blob = await openAsBlob(path);
		form.append(role, blob.size > most ? blob.slice(0, most) : blob, basename(path));
	}
	return form;
}

/** The import of the files, begun, or the dataset that the same files have made before. */
export const upload = async (api: Client, about: { name: string; rule: ImportRule }, files: RoleFile[]) =>
	api.post("/datasets", { body: await formOf(about, await settled(api, about.rule, files)) });

/** What the service says to do names parts of a rule; here they are options. */
const inOptions = (message: string) =>
	message
		.replace(/rule=(\{"columns": .*?\}\}+)/g, (_, rule) => `--columns ${placesOf(JSON.parse(rule).columns)}`)
		.replace(/(?:in the rule, )?columns\.([\w.]+)/g, "with --columns $1=…")
		.replaceAll("skipBadRows", "--skip-bad-rows")
		.replaceAll("minRating", "--min-rating")
		.replaceAll("kCore", "--k-core");

const placesOf = (columns: object, part = ""): string =>
	Object.entries(columns)
		.map(([name, place]) => (typeof place === "object" ? placesOf(place, `${name}.`) : `${part}${name}=${place}`))
		.join(",");

/** Until it is final; throws with every problem when the import fails. */
export async function untilImported(api: Client, begun: Dataset, bar?: Progress): Promise<Dataset> {
	let dataset = begun;
	try {
		while (dataset.state === "QUEUED" || dataset.state === "RUNNING") {
			await sleep(POLL_MS);
			dataset = await api.get("/datasets/{id}", { path: { id: begun.id } });
			if (dataset.progress) bar?.update(dataset.progress.fraction, inWords(dataset.progress));
		}
	} finally {
		bar?.stop();
	}
	if (dataset.state === "SUCCEEDED") return dataset;
	const message = dataset.error?.message ?? dataset.state.toLowerCase();
	const { kCore, minRating } = dataset.rule;
	const hasLimits = dataset.error?.code === "dataset_too_small" && (kCore ?? minRating) !== undefined;
	const way = hasLimits ? ["Lower --k-core or --min-rating, or bring more data."] : [];
	throw new Failure([`the import failed: ${inOptions(message)}`, ...problemsOf(dataset), ...way].join("\n"));
}

const inWords = ({ stage, rowsRead }: ImportProgress) =>
	rowsRead > 0 ? `${stage}, ${rowsRead.toLocaleString("en")} rows` : stage;

const MOST_SHOWN = 10;

/** A place of a file that cannot be read. */
type Misread = Pick<Dataset["problems"][number], "file" | "line" | "message">;

/** The rows that could not be read, with their places. */
export function problemsOf({ problems, problemsTotal }: { problems: Misread[]; problemsTotal: number }): string[] {
	const shown = problems
		.slice(0, MOST_SHOWN)
		.map(({ file, line, message }) => (line > 0 ? `  ${file}:${line}: ` : "  ") + inOptions(message));
	const more = problemsTotal - shown.length;
	return more > 0 ? [...shown, `  and ${more.toLocaleString("en")} more`] : shown;
}

/** How the service would read the first 64 KiB of each file, and as what where only a name says it; nothing is stored. */
export async function preview(api: Client, rule: ImportRule, files: RoleFile[]): Promise<Preview> {
	const asked = files.map(({ path, role, isGuess }) => ({ path, role: isGuess ? ("file" as const) : role }));
	return api.post("/datasets/preview", { body: await formOf({ rule }, asked, PREVIEW_BYTES) });
}

/** The files, each guess replaced by what the service sees in the file, where it can tell. */
async function settled(api: Client, rule: ImportRule, files: RoleFile[]): Promise<RoleFile[]> {
	if (files.length === 1 || files.length > MOST_PREVIEWED || !files.some(({ isGuess }) => isGuess)) return files;
	const seen = await preview(api, rule, files);
	const names = files.map(({ path }) => basename(path));
	return files.map((file, at) => {
		const name = names[at] as string;
		const isShown = !seen.warnings.some((one) => one.code === "not_shown" && one.file === name);
		const isOne = names.indexOf(name) === names.lastIndexOf(name);
		const tables = isShown && isOne ? seen.files.filter((one) => one.file === name) : [];
		const role = tables.length === 1 ? ROLES.find((one) => one === tables[0]?.role) : undefined;
		return file.isGuess && role ? { path: file.path, role } : file;
	});
}
