// Files become a dataset of the service: uploaded as they are, whatever they are, and waited for.
import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
	type Client,
	type Dataset,
	type FeedImport,
	type FeedRule,
	type ImportProgress,
	type ImportRule,
	type Preview,
	previewForm,
	roleIn,
	ruleFor,
} from "@valence/client";
import { type Progress, say } from "@valence/supervisor/terminal";
import { Failure, STATUS, wrongUsage } from "./failure.js";
import type { Role, RoleFile } from "./file-roles.js";

const POLL_MS = 300;
/** The service takes as many at once. */
const MOST_FILES = 20;

/** A file and what it is sent as. */
export interface SentFile {
	path: string;
	role: Role;
}

/** The multipart body that the service takes: fields before files. */
export async function formOf(
	{ name, rule }: { name?: string; rule: ImportRule | FeedRule },
	files: SentFile[],
): Promise<FormData> {
	const form = new FormData();
	if (name !== undefined) form.set("name", name);
	if (Object.keys(rule).length > 0) form.set("rule", JSON.stringify(rule));
	for (const { path, role } of files) form.append(role, await openAsBlob(path), basename(path));
	return form;
}

/** The import of the files, begun, or the dataset that the same files have made before. */
export const upload = async (api: Client, about: { name: string; rule: ImportRule }, files: SentFile[]) =>
	api.post("/datasets", { body: await formOf(about, files) });

/** The same of files that go into a feed; whatever is none of items holds interactions. */
export async function uploadToFeed(api: Client, feed: string, rule: FeedRule, files: SentFile[]): Promise<FeedImport> {
	const parts = files.map(({ path, role }): SentFile => ({ path, role: role === "items" ? role : "interactions" }));
	return api.post("/feeds/{name}/imports", { path: { name: feed }, body: await formOf({ rule }, parts) });
}

/** What the service says to do names parts of a rule; here they are options. */
export const inOptions = (message: string) =>
	message
		.replace(/rule=(\{"columns": .*?\}\}+)/g, (_, rule) => `--columns ${placesOf(JSON.parse(rule).columns)}`)
		.replace(/(?:in the rule, )?columns\.([\w.]+)/g, "with --columns $1=…")
		.replaceAll("skipBadRows", "--skip-bad-rows")
		.replaceAll("minRating", "--min-rating")
		.replaceAll("kCore", "--k-core")
		.replaceAll("say that the split is given", "say --split given")
		.replaceAll("where the rule gives no `at`", "without --at")
		.replace(/^\/(?:rule\/)?(?=\w)/, "");

const placesOf = (columns: object, part = ""): string =>
	Object.entries(columns)
		.map(([name, place]) =>
			typeof place === "object"
				? placesOf(place, `${name}.`)
				: `${part}${name}=${typeof place === "string" && /[",]/.test(place) ? `"${place.replaceAll('"', '""')}"` : place}`,
		)
		.join(",");

/** Until it is final; throws with every problem when the import fails. */
export async function untilImported(api: Client, begun: Dataset, bar?: Progress): Promise<Dataset> {
	const dataset = await untilFinal(begun, () => api.get("/datasets/{id}", { path: { id: begun.id } }), bar);
	const { kCore, minRating } = dataset.rule;
	const hasLimits = dataset.error?.code === "dataset_too_small" && (kCore ?? minRating) !== undefined;
	return sound(dataset, hasLimits ? ["Lower --k-core or --min-rating, or bring more data."] : []);
}

/** The same of an import into a feed; what it has stored by then stays there. */
export const untilInFeed = async (api: Client, begun: FeedImport, bar?: Progress): Promise<FeedImport> =>
	sound(await untilFinal(begun, () => api.get("/feed-imports/{id}", { path: { id: begun.id } }), bar), []);

type Importing = Pick<Dataset, "state" | "error" | "progress" | "problems" | "problemsTotal" | "warnings">;

async function untilFinal<T extends Importing>(begun: T, ask: () => Promise<T>, bar?: Progress): Promise<T> {
	let seen = begun;
	try {
		while (seen.state === "QUEUED" || seen.state === "RUNNING") {
			await sleep(POLL_MS);
			seen = await ask();
			if (seen.progress) bar?.update(seen.progress.fraction, inWords(seen.progress));
		}
	} finally {
		bar?.stop();
	}
	return seen;
}

function sound<T extends Importing>(ended: T, ways: string[]): T {
	if (ended.state === "SUCCEEDED") return ended;
	const message = ended.error?.message ?? ended.state.toLowerCase();
	const said = [`the import failed: ${inOptions(message)}`, ...toldOf(ended), ...ways].join("\n");
	const { state, error, problems, problemsTotal } = ended;
	throw new Failure(said, STATUS.failed, false, { state, ...error, problems, problemsTotal });
}

const inWords = ({ stage, rowsRead }: ImportProgress) =>
	rowsRead > 0 ? `${stage}, ${rowsRead.toLocaleString("en")} rows` : stage;

const MOST_SHOWN = 10;

/** A place of a file that cannot be read. */
type Misread = Pick<Dataset["problems"][number], "file" | "line" | "message">;

/** The rows that could not be read, with their places. */
export function problemsOf({ problems, problemsTotal }: { problems: Misread[]; problemsTotal: number }): string[] {
	const shown = problems.slice(0, MOST_SHOWN).map((problem) => `  ${inPlace(problem)}`);
	const more = problemsTotal - shown.length;
	return more > 0 ? [...shown, `  and ${more.toLocaleString("en")} more`] : shown;
}

/** The place once, though what is said of a file as a whole mostly names it itself. */
function inPlace({ file, line, message }: Misread): string {
	const said = inOptions(message);
	if (file === "" || (line === 0 && said.includes(file))) return said;
	return `${line > 0 ? `${file}:${line}` : file}: ${said.startsWith(`${file}: `) ? said.slice(file.length + 2) : said}`;
}

/** What is only said of files or of the rule; nothing is refused for it. */
export const warningsOf = (warnings: Misread[]): string[] =>
	problemsOf({ problems: warnings, problemsTotal: warnings.length }).map((line) => `  !${line.slice(1)}`);

/** All that an import has to say of its files. */
export const toldOf = (ended: Pick<Dataset, "problems" | "problemsTotal" | "warnings">): string[] => [
	...problemsOf(ended),
	...warningsOf(ended.warnings),
];

/** How the service would read each file, and as what where nobody has said it; nothing is stored. */
export async function preview(api: Client, rule: ImportRule, files: RoleFile[]): Promise<Preview> {
	if (files.length > MOST_FILES) {
		const most = `the service takes ${MOST_FILES} at once`;
		throw wrongUsage(`${files.length} files are too many: ${most}; name fewer, or pack them as a zip, which is one`);
	}
	const asked = files.map(async ({ path, role }) => ({ role, file: await openAsBlob(path), name: basename(path) }));
	return api.post("/datasets/preview", { body: await previewForm(rule, await Promise.all(asked)) });
}

/**
 * The files to send, each as what the service sees in it where nobody has said it, and the rule that fits them. Files that it does without
 * are told.
 */
export async function settled(
	api: Client,
	rule: ImportRule,
	files: RoleFile[],
): Promise<{ files: SentFile[]; rule: ImportRule }> {
	if (files.every(isSaid)) return { files, rule };
	const seen = await preview(api, rule, files);
	for (const line of warningsOf(seen.warnings.filter(({ code }) => code === "not_needed"))) say(line);
	const sent = files.flatMap((file) => {
		if (isSaid(file)) return [file];
		const role = roleIn(seen, basename(file.path));
		return role === null ? [] : [{ path: file.path, role }];
	});
	return { files: sent, rule: ruleFor(rule, seen) };
}

const isSaid = (file: RoleFile): file is SentFile => file.role !== "file";
