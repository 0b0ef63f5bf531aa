// What a bench has measured, as a table in Markdown: shown, and kept where that is asked for.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { bold, say } from "../../services/supervisor/src/terminal.js";

export function tell(table: string, out: string | null): void {
	say(`\n${table}`);
	if (out === null) return;
	mkdirSync(dirname(out), { recursive: true });
	writeFileSync(out, table);
	say(`  written to ${bold(out)}`);
}
