// valence dev: as valence start, with the api and the worker reloaded when their sources change, and Vite for the
// dashboard. The Python processes are started again when a Python file changes.
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { API, ROOT, TRAINER } from "@valence/supervisor/paths";
import type { Stack } from "@valence/supervisor/stack";
import { say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";

const SETTLE_MS = 300;

export const dev = (line: Argv) =>
	line.command(
		"dev",
		"Start the service, reloaded when its sources change, and the dashboard by Vite",
		(yargs) => yargs.example("$0 dev", "for who works on Valence itself"),
		async () => {
			const { runForever } = await import("@valence/supervisor/forever");
			await runForever({
				node: (entry) => ({
					command: join(ROOT, "node_modules/.bin/tsx"),
					arguments: ["watch", join(API, `src/${entry}.ts`)],
				}),
				onStarted: follow,
			});
			await new Promise(() => undefined); // it ends the process itself
		},
	);

function follow(stack: Stack): void {
	const port = new URL(stack.url).port;
	const vite = spawn("npm", ["run", "dev", "-w", "services/dashboard"], {
		cwd: ROOT,
		stdio: "inherit",
		env: { ...process.env, VALENCE_API: `http://127.0.0.1:${port}` },
	});
	process.on("exit", () => vite.kill());
	let timer: NodeJS.Timeout | undefined;
	watch(join(TRAINER, "trainer"), { recursive: true }, (_event, file) => {
		if (!file?.endsWith(".py") || file.startsWith("pb/")) return;
		clearTimeout(timer);
		timer = setTimeout(() => {
			say(`${file} changed: trainer and recommender start again`);
			for (const service of stack.services) if (["trainer", "recommender"].includes(service.spec.name)) service.again();
		}, SETTLE_MS);
	});
}
