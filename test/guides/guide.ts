// A page of the documentation as somebody follows it: what is typed, what is left running, and what is said to appear.
import { readFileSync } from "node:fs";

export interface Step {
	/** `type`: in the one shell; `serve`: in a terminal of its own, where it stays; `appear`: what the last one typed has printed. */
	kind: "type" | "serve" | "appear";
	text: string;
	line: number;
}

const KINDS: Record<string, Step["kind"]> = { sh: "type", "sh service": "serve", text: "appear" };

/** The fenced blocks of a Markdown file that are followed; those with other words behind the fence are only read. */
export function stepsOf(path: string): Step[] {
	const lines = readFileSync(path, "utf8").split("\n");
	const steps: Step[] = [];
	for (let at = 0; at < lines.length; at++) {
		const info = lines[at]?.match(/^```(.+)$/)?.[1];
		if (info === undefined) continue;
		const end = lines.indexOf("```", at + 1);
		if (end < 0) throw new Error(`${path}:${at + 1}: a block without an end`);
		const kind = KINDS[info];
		if (kind) steps.push({ kind, text: lines.slice(at + 1, end).join("\n"), line: at + 1 });
		at = end;
	}
	return steps;
}

const collapsed = (text: string) => text.trim().replace(/\s+/g, " ");
const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The first line of a block that the output lacks, in that order; … stands for anything, blanks count as one. */
export function missingFrom(output: string, shown: string): string | null {
	const lines = output.split("\n").map(collapsed);
	let from = 0;
	for (const line of shown.split("\n").map(collapsed)) {
		const pattern = new RegExp(`^${line.split("…").map(escaped).join(".*")}$`);
		const found = lines.findIndex((one, index) => index >= from && pattern.test(one));
		if (found < 0) return line;
		from = found + 1;
	}
	return null;
}
