// npm run dev: as npm start, with the api and the worker reloaded when their sources change, and Vite for the
// dashboard. The Python processes are started again when a Python file changes.
import { spawn } from "node:child_process";
import { watch } from "node:fs";
import { join } from "node:path";
import { runForever } from "./forever.js";
import { API, ROOT, TRAINER } from "./paths.js";
import { say } from "./terminal.js";

const SETTLE_MS = 300;

await runForever({
	node: (entry) => ({
		command: join(ROOT, "node_modules/.bin/tsx"),
		arguments: ["watch", join(API, `src/${entry}.ts`)],
	}),
	onStarted: (stack) => {
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
				for (const service of stack.services)
					if (["trainer", "recommender"].includes(service.spec.name)) service.again();
			}, SETTLE_MS);
		});
	},
});
