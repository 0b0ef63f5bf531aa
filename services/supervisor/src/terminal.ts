// What the demo prints: steps, a progress bar where there is a terminal, tables.
import { Presets, SingleBar } from "cli-progress";

const colour = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint(1);
export const dim = paint(2);
export const underlined = paint(4);
export const green = paint(32);
const PALETTE = [36, 33, 35, 32, 34, 31];
export const interestColour = (index: number, text: string) => paint(PALETTE[index % PALETTE.length] as number)(text);

export const say = (text = "") => process.stdout.write(`${text}\n`);

/** Names a step while it runs and says how long it took. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
	const started = Date.now();
	if (process.stdout.isTTY) process.stdout.write(`  ${name} …`);
	const result = await work();
	const line = `${green("✓")} ${name} ${dim(`${((Date.now() - started) / 1000).toFixed(1)} s`)}`;
	say(process.stdout.isTTY ? `\r\u001b[K${line}` : line);
	return result;
}

export interface Progress {
	update(fraction: number, text: string): void;
	stop(): void;
}

/** A bar on a terminal; elsewhere a line whenever the text changes. */
export function progress(): Progress {
	if (!process.stdout.isTTY) {
		let last = "";
		return {
			update(fraction, text) {
				if (text !== last) say(`  ${String(Math.round(fraction * 100)).padStart(3)} %  ${text}`);
				last = text;
			},
			stop: () => undefined,
		};
	}
	const bar = new SingleBar(
		{ format: "  {bar} {percentage} %  {text}", barsize: 24, hideCursor: true },
		Presets.shades_classic,
	);
	bar.start(100, 0, { text: "waiting" });
	return {
		update: (fraction, text) => bar.update(Math.round(fraction * 100), { text }),
		stop: () => bar.stop(),
	};
}

export function table(header: string[], rows: string[][]): void {
	const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
	const line = (cells: string[]) =>
		cells
			.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
			.join("  ");
	say(`  ${bold(line(header))}`);
	for (const row of rows) say(`  ${line(row)}`);
}
