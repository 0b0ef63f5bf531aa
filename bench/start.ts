// npm run bench -- start: how long api and worker take from their beginning to their first answer, from the bundle that the build
// makes and from the same sources compiled file by file, in turns, on one PostgreSQL.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { takeDemoHome } from "../services/supervisor/src/demo-home.js";
import { API, DEFAULT_HOME, ROOT } from "../services/supervisor/src/paths.js";
import { freePort } from "../services/supervisor/src/ports.js";
import { startPostgres } from "../services/supervisor/src/postgres/embedded.js";
import { say, step } from "../services/supervisor/src/terminal.js";
import { atEnd, runBench } from "./http/ends.js";
import { median } from "./http/figures.js";
import { thisMachine } from "./http/machine.js";
import { processorMs } from "./http/processor-time.js";
import { tell } from "./http/table.js";

/** As deep as dist, so that it finds the same files. */
const FILES = "dist-files";
const LISTENS = /listening at http/;
const NAMES = ["server", "worker"] as const;
type Name = (typeof NAMES)[number];
interface Took {
	ms: number;
	processor: number;
}

async function main(rounds: number, out: string | null): Promise<void> {
	const { home, end } = takeDemoHome(join(DEFAULT_HOME, "bench"));
	atEnd(end);
	const postgres = await startPostgres({ home });
	atEnd(() => postgres.stop());
	atEnd(() => rmSync(join(API, FILES), { recursive: true, force: true }));
	await step("Compile file by file", async () => {
		const options = ["--outDir", join(API, FILES), "--emitDeclarationOnly", "false", "--declaration", "false"];
		const tsc = join(ROOT, "node_modules/.bin/tsc");
		const { status, stdout } = spawnSync(tsc, ["-p", join(API, "tsconfig.build.json"), ...options], {
			encoding: "utf8",
		});
		if (status !== 0) throw new Error(stdout);
	});
	const env = {
		...process.env,
		...{ DATABASE_URL: postgres.url, REDIS_URL: "", API_KEYS: "", HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "info" },
		...{
			VALENCE_ARTIFACTS: join(home, "artifacts"),
			TRAINER_ADDRESS: "127.0.0.1:1",
			RECOMMENDER_ADDRESS: "127.0.0.1:1",
		},
		...{ WORKER_HEALTH_PORT: String(await freePort()), MACHINE_NAME: "bench" },
	};
	const took = (folder: string, name: Name) => timed(join(API, folder, `${name}.js`), env);
	for (const name of NAMES) await took("dist", name); // migrates, and reads what lies on the disk
	const times = {
		server: { files: [] as Took[], bundle: [] as Took[] },
		worker: { files: [] as Took[], bundle: [] as Took[] },
	};
	await step(`Start each ${rounds} times`, async () => {
		for (let round = 0; round < rounds; round++)
			for (const name of NAMES) {
				times[name].files.push(await took(FILES, name));
				times[name].bundle.push(await took("dist", name));
			}
	});
	const { processor, cores, node, loadBefore } = thisMachine("");
	const line = (name: Name, what: string, of: (one: Took) => number) => {
		const [files, bundle] = [times[name].files, times[name].bundle].map((all) => all.map(of)) as [number[], number[]];
		const ratios = files.map((value, round) => value / (bundle[round] as number));
		const shown = [median(files), median(bundle)].map((ms) => Math.round(ms).toLocaleString("en"));
		return `| ${name === "server" ? "api" : name}, ${what} | ${shown.join(" | ")} | ${median(ratios).toFixed(2)} |`;
	};
	const table = `# Starts

\`npm run bench -- start\`: ${processor}, ${cores} cores, Node ${node}; load ${loadBefore.toFixed(1)} before; ${rounds} starts each, in turns, all files in the
memory of the system. Until the process says that it listens; what it takes of the processor until then.

| ms, median | compiled file by file | bundle | ratio |
| --- | --- | --- | --- |
${NAMES.map((name) => `${line(name, "until it listens", ({ ms }) => ms)}\n${line(name, "processor time", (one) => one.processor)}`).join("\n")}
`;
	tell(table, out);
}

/** Starts a process, and ends it once it has said this. */
async function timed(script: string, env: NodeJS.ProcessEnv): Promise<Took> {
	const started = performance.now();
	const child: ChildProcess = spawn(process.execPath, [script], { env, stdio: ["ignore", "pipe", "inherit"] });
	const kill = () => child.kill("SIGKILL");
	process.once("exit", kill);
	const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
	let said = "";
	const took = await new Promise<Took>((resolve, reject) => {
		child.once("exit", () => reject(new Error(`${script} has ended:\n${said}`)));
		child.stdout?.on("data", (chunk) => {
			said += chunk;
			if (LISTENS.test(said)) resolve({ ms: performance.now() - started, processor: processorMs(child.pid as number) });
		});
	});
	kill();
	await gone;
	process.off("exit", kill);
	return took;
}

await runBench(async () => {
	const { values } = parseArgs({
		options: { rounds: { type: "string", default: "7" }, out: { type: "string" }, help: { type: "boolean" } },
	});
	if (values.help) {
		say("npm run bench -- start [--rounds N (7)] [--out FILE]: starts of api and worker, bundled and not");
		return true;
	}
	if (!/^[1-9]\d?$/.test(values.rounds))
		throw new Error(`--rounds takes a whole number from 1 to 99, not ${values.rounds}`);
	await main(Number(values.rounds), values.out ? resolve(process.env.INIT_CWD ?? ".", values.out) : null);
	return true;
});
