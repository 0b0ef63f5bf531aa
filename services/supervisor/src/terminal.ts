// What the commands print: steps, a progress bar where there is a terminal, tables.
import { randomUUID } from "node:crypto";
import { Presets, SingleBar } from "cli-progress";

/** Where people read. */
let out: NodeJS.WriteStream = process.stdout;
let isQuiet = false;
/**
 * From now on standard output is a program's: what people read is standard error, and there only what passes on a terminal unless all is to
 * be told, as of what takes minutes.
 */
export function leaveStandardOutput({ isTold = false } = {}): void {
	out = process.stderr;
	isQuiet = !isTold;
}
export const isTerminal = () => out.isTTY === true;

/** Stands for the beginning of a colour until something is said: nobody else can write one. */
const MARK = `\u0000${randomUUID()}`;
const paint = (code: number) => (text: string) =>
	isTerminal() && !process.env.NO_COLOR ? `${MARK}${code}m${text}${MARK}0m` : text;
export const bold = paint(1);
export const dim = paint(2);
export const underlined = paint(4);
export const green = paint(32);
const PALETTE = [36, 33, 35, 32, 34, 31];
export const interestColour = (index: number, text: string) => paint(PALETTE[index % PALETTE.length] as number)(text);

export const red = paint(31);

/** What others wrote must not steer the terminal, nor begin a line of its own. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it is about
export const harmless = (text: string) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, "�");

/** As it is written: of all that steers a terminal only our own colours and ends of lines are left. */
const written = (text: string) =>
	text
		.split(MARK)
		.map((part) => part.split("\n").map(harmless).join("\n"))
		.join("\u001b[");

export function say(text = ""): void {
	if (!isQuiet) out.write(`${written(text)}\n`);
}

/** What is wrong goes where people read it, also where standard output is a program's. */
export function complain(text: string): void {
	process.stderr.write(`${written(text)}\n`);
}

/** What is happening now, on one line that the next thing said writes over. Only on a terminal. */
export function sayNow(text: string): void {
	if (isTerminal()) out.write(`\r\u001b[K${written(text.slice(0, (out.columns || 80) - 1))}`);
}
export function forgetNow(): void {
	if (isTerminal()) out.write("\r\u001b[K");
}

/** Names a step while it runs and says how long it took. */
export async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
	const started = Date.now();
	sayNow(`  ${name} …`);
	const result = await work().finally(forgetNow);
	sayDone(name, started);
	return result;
}

export const sayDone = (name: string, started: number) =>
	say(`${green("✓")} ${name} ${dim(`${((Date.now() - started) / 1000).toFixed(1)} s`)}`);

export interface Progress {
	update(fraction: number, text: string): void;
	stop(): void;
}

/** Of a program that Ctrl-C has ended. */
const INTERRUPTED = 130;

/**
 * A bar on a terminal; elsewhere a line whenever the text changes. Of what somebody else goes on with after a Ctrl-C, `interrupted` tells:
 * then the terminal is as before, and the process ends.
 */
export function progress(interrupted?: () => void): Progress {
	const shown = bar();
	if (!interrupted) return shown;
	const leave = () => {
		shown.stop();
		interrupted();
		process.exit(INTERRUPTED);
	};
	process.once("SIGINT", leave);
	return {
		update: shown.update,
		stop() {
			process.off("SIGINT", leave);
			shown.stop();
		},
	};
}

function bar(): Progress {
	if (!isTerminal()) {
		let last = "";
		return {
			update(fraction, text) {
				if (text !== last) say(`  ${String(Math.round(fraction * 100)).padStart(3)} %  ${text}`);
				last = text;
			},
			stop: () => undefined,
		};
	}
	const single = new SingleBar(
		{ format: "  {bar} {percentage} %  {text}", barsize: 24, hideCursor: true },
		Presets.shades_classic,
	);
	single.start(100, 0, { text: "waiting" });
	return {
		update: (fraction, text) => single.update(Math.round(fraction * 100), { text: harmless(text) }),
		stop: () => single.stop(),
	};
}

export function duration(seconds: number): string {
	if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
	return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export interface TableOptions {
	/** Columns that are set to the left, counted from 0: the first unless told. */
	left?: number[];
	/** After the text is padded: colours have a length, too. */
	paint?: (text: string, row: number, column: number) => string;
}

export function table(
	header: string[],
	rows: string[][],
	{ left = [0], paint = (text) => text }: TableOptions = {},
): void {
	const cells = rows.map((row) => row.map(harmless));
	const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
	const line = (texts: string[], painted: (text: string, column: number) => string) =>
		texts
			.map((text, column) => {
				const padding = " ".repeat((widths[column] ?? 0) - text.length);
				return left.includes(column) ? painted(text, column) + padding : padding + painted(text, column);
			})
			.join("  ")
			.trimEnd();
	say(`  ${line(header, bold)}`);
	cells.forEach((texts, row) => {
		say(`  ${line(texts, (text, column) => paint(text, row, column))}`);
	});
}

/** One fact a line: what it is, and it. */
export function facts(all: [name: string, value: string][]): void {
	const width = Math.max(...all.map(([name]) => name.length));
	for (const [name, value] of all) say(`  ${dim(name.padEnd(width))}  ${harmless(value)}`);
}

export function size(bytes: number): string {
	const units = ["bytes", "kB", "MB", "GB", "TB"];
	const power = Math.min(bytes > 0 ? Math.floor(Math.log10(bytes) / 3) : 0, units.length - 1);
	const value = bytes / 1000 ** power;
	return `${power === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[power]}`;
}

export const count = (n: number, one: string) => `${n.toLocaleString("en")} ${n === 1 ? one : `${one}s`}`;
