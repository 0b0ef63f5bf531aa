// Reading a mapping of a YAML file without passing over what is not known.
export const isRecord = (value: unknown): value is Record<string, unknown> =>
	value !== null && typeof value === "object" && !Array.isArray(value);

export function onlyKnown(value: unknown, known: string[], place: string): Record<string, unknown> {
	if (!isRecord(value)) throw new Error(`${place} must have the fields ${known.join(", ")}`);
	const strange = Object.keys(value).find((name) => !known.includes(name));
	if (strange) throw new Error(`${place}: ${strange} is not known; known are ${known.join(", ")}`);
	return value;
}
