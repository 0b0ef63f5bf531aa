// How runs are measured: the choices of a form.
export const MASKS = [
	{ value: "train", label: "train items (the paper's rule)" },
	{ value: "train+valid", label: "train and validation items" },
];

const isWhole = (text: string) => /^\d{1,10}$/.test(text);

export function cutoffProblem(texts: string[]): string | null {
	if (texts.length === 0 || texts.length > 10) return "one to ten";
	return texts.every((text) => isWhole(text) && Number(text) >= 1 && Number(text) <= 1000)
		? null
		: "whole numbers from 1 to 1000";
}

export function seedProblem(texts: string[], most = 2 ** 31 - 1): string | null {
	if (texts.length === 0) return "at least one";
	return texts.every((text) => isWhole(text) && Number(text) <= most) ? null : `whole numbers from 0 to ${most}`;
}
