// Digests over JSON values that do not depend on the order of keys.
import { createHash } from "node:crypto";

export function canonical(value: unknown): string {
	if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
	if (value !== null && typeof value === "object") {
		const entries = Object.entries(value).filter(([, field]) => field !== undefined);
		return `{${entries
			.sort(([a], [b]) => (a < b ? -1 : 1))
			.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`)
			.join(",")}}`;
	}
	return JSON.stringify(value);
}

export const digest = (value: unknown) => createHash("sha256").update(canonical(value)).digest("hex");
