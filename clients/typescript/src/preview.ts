import type { ImportRule } from "./generated/openapi.js";

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
