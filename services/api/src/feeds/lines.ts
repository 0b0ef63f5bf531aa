// A stream of JSON lines, a piece at a time: however long it is, no more is held than one piece and one line.
import { isUtf8 } from "node:buffer";
import type { Problem } from "../http/errors.js";

const MOST_LINE_BYTES = 64 * 1024;
const LINE_END = 10;

/** The line, from 1, and what stands there or is wrong with it. */
export interface Entry {
	position: number;
	value?: unknown;
	problem?: Problem;
}

const wrong = (code: string, message: string): Problem => ({ pointer: "", code, message });

/** The entries of each piece as it comes; blank lines are counted and left out. */
export async function* entriesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Entry[]> {
	let begun: Buffer[] = [];
	let length = 0;
	let position = 0;
	const line = (last: Buffer): Entry | null => {
		position++;
		const isTooLong = length + last.length > MOST_LINE_BYTES;
		const whole = isTooLong ? null : begun.length === 0 ? last : Buffer.concat([...begun, last]);
		begun = [];
		length = 0;
		if (!whole)
			return { position, problem: wrong("line_too_long", `is a line of more than ${MOST_LINE_BYTES / 1024} KiB`) };
		return read(whole, position);
	};
	for await (const piece of bytes) {
		const entries: Entry[] = [];
		let start = 0;
		for (let end = piece.indexOf(LINE_END); end !== -1; end = piece.indexOf(LINE_END, start)) {
			const entry = line(piece.subarray(start, end));
			if (entry) entries.push(entry);
			start = end + 1;
		}
		const rest = piece.subarray(start);
		length += rest.length;
		if (length > MOST_LINE_BYTES) begun = [];
		else if (rest.length > 0) begun.push(rest);
		yield entries;
	}
	const last = length > 0 ? line(Buffer.alloc(0)) : null;
	if (last) yield [last];
}

function read(line: Buffer, position: number): Entry | null {
	if (!isUtf8(line)) return { position, problem: wrong("bad_character", "is not UTF-8") };
	const text = line.toString().replace(/^\ufeff/, "");
	if (text.trim() === "") return null;
	try {
		return { position, value: JSON.parse(text) };
	} catch {
		return { position, problem: wrong("bad_json", "is not JSON") };
	}
}
