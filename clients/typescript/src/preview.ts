import type { ImportRule, Preview, PreviewedFile } from "./generated/openapi.js";

/** What the service looks at of a file: its first bytes, and of some its last. */
const PART_BYTES = 65_536;
/** A zip and Parquet say at their end what they hold. */
const TELL_AT_THEIR_END = ["PK\u0003\u0004", "PAR1"];

/** The body of POST /datasets/preview: of each file no more than is looked at. `role` is "file" where nobody knows it. */
export async function previewForm(
	rule: ImportRule,
	files: { role: string; file: Blob; name: string }[],
): Promise<FormData> {
	const form = new FormData();
	if (Object.keys(rule).length > 0) form.set("rule", JSON.stringify(rule));
	for (const { role, file, name } of files) {
		form.append(role, file.slice(0, PART_BYTES), name);
		if (file.size < PART_BYTES || !TELL_AT_THEIR_END.includes(await file.slice(0, 4).text())) continue;
		const offset = Math.max(file.size - PART_BYTES, 0);
		form.append("tailOffset", String(offset));
		form.append("tail", file.slice(offset), name);
	}
	return form;
}

/** What a file of which nobody has said what it holds is sent as, by its preview; null: an import goes without it. */
export function roleIn({ files, warnings }: Preview, name: string): PreviewedFile["role"] | null {
	const isTold = (code: string) => warnings.some((one) => one.code === code && one.file === name);
	if (isTold("not_needed")) return null;
	const tables = files.filter((one) => one.file === name);
	const [role, ...others] = new Set(tables.map((one) => one.role));
	// An archive says itself what each of its tables is, also those that are not shown.
	const isArchive = tables.some(({ dialect }) => /\b(zip|tar)\b/.test(dialect.compression));
	const saysMore = isArchive && (tables.length > 1 || isTold("not_shown"));
	return role && others.length === 0 && !saysMore ? role : "interactions";
}

const PARTS = ["train", "valid", "test"];

/** The rule for files as their preview takes them: where an archive holds the parts of a split and nobody says how to split, it is given. */
export function ruleFor(rule: ImportRule, { files }: Preview): ImportRule {
	const roles = files.map(({ role }) => role).filter((role) => role !== "items");
	const isGiven = roles.length > 0 && roles.every((role) => PARTS.includes(role));
	return isGiven && rule.split === undefined ? { ...rule, split: { kind: "given" } } : rule;
}
