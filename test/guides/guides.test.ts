// Every guide, and the five lines of the README, followed word for word in an empty folder. Only the ports are others.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { connect } from "@valence/client";
import { freePort } from "../../services/supervisor/src/ports.js";
import { OUTSIDE } from "../support/command-line.js";
import { writeMovieLens } from "../support/exported-files.js";
import { removeHomesIn } from "../support/homes.js";
import { missingFrom, type Step, stepsOf } from "./guide.js";
import { Shell, serve } from "./terminal.js";

jest.setTimeout(600_000);

const ROOT = process.cwd();
const GUIDES = join(ROOT, "docs/guides");
const here = mkdtempSync(join(tmpdir(), "valence-guides-"));
const running = new Map<string, { end: () => Promise<void> }>();
let ports: Record<string, string>;
beforeAll(async () => {
	ports = { 3000: String(await freePort()), 3001: String(await freePort()) };
});
const endAll = async () => {
	await Promise.all([...running.values()].map(({ end }) => end()));
	running.clear();
};
afterAll(async () => {
	await endAll();
	removeHomesIn(here);
});

/** As a person whose shell finds `valence`, and who has installed the Python client: test/clients does that as it is written. */
const environment = () => ({
	...OUTSIDE,
	PATH: [join(ROOT, "node_modules/.bin"), join(ROOT, "services/trainer-py/.venv/bin"), OUTSIDE.PATH].join(delimiter),
	PYTHONPATH: join(ROOT, "clients/python/src"),
	VALENCE_HOME: join(here, "home"),
	XDG_CONFIG_HOME: join(here, "config"),
	PORT: ports[3000],
	NO_COLOR: "1",
	OMP_NUM_THREADS: "1",
});

function folderOf(name: string): string {
	const folder = join(here, name);
	mkdirSync(join(folder, name), { recursive: true });
	return join(folder, name);
}

async function follow(name: string, steps: Step[], prepare: (folder: string) => void = () => undefined): Promise<void> {
	const folder = folderOf(name);
	prepare(folder);
	const shell = new Shell(folder, environment(), join(folder, ".."));
	const withPorts = (text: string) => text.replace(/\b300[01]\b/g, (port) => ports[port] as string);
	let said = "";
	const faults: string[] = [];
	try {
		for (const { kind, text, line } of steps) {
			const missing = kind === "appear" ? missingFrom(said, withPorts(text)) : null;
			if (missing !== null) faults.push(`line ${line} shows\n${missing}\nwhich is not in\n${said}`);
			if (kind === "type") said = await shell.type(withPorts(text));
			if (kind === "serve" && !running.has(text))
				running.set(text, await serve(withPorts(text), folder, environment()));
		}
	} finally {
		shell.close();
	}
	if (faults.length > 0) throw new Error(faults.join("\n\n"));
}

it("there is one for each of three people", () => {
	expect(readdirSync(GUIDES).sort()).toEqual(["operator.md", "researcher.md", "shop-engineer.md"]);
});

test("every block of a guide is followed, shown, or said to be read only", () => {
	const kinds = readdirSync(GUIDES).flatMap((name) => {
		const fences = [...readFileSync(join(GUIDES, name), "utf8").matchAll(/^```(.*)$/gm)];
		return fences.flatMap(([, info], at) => (at % 2 === 0 ? [`${name}: ${info}`] : []));
	});
	expect(kinds.filter((one) => !/: (sh|sh service|text|console|cron)$/.test(one))).toEqual([]);
	expect(kinds.length).toBeGreaterThan(20);
});

const guide = (name: string) => stepsOf(join(GUIDES, `${name}.md`));

/** The JavaScript client, as the guide says. What it needs lies beside it. */
function installClient(folder: string): void {
	const said = readFileSync(join(GUIDES, "shop-engineer.md"), "utf8").match(/`npm install CHECKOUT\/(\S+)`/)?.[1];
	const install = ["install", "--offline", "--no-audit", "--no-fund", join(ROOT, said as string)];
	execFileSync("npm", install, { cwd: folder, env: OUTSIDE });
}

test("the shop's engineer gets from orders to recommendations", () =>
	follow("shop-engineer", guide("shop-engineer"), installClient));

test("what the guides only tell to type is there", () => {
	const { scripts } = JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> };
	const told = readdirSync(GUIDES).flatMap((name) => {
		const blocks = readFileSync(join(GUIDES, name), "utf8").matchAll(/^```console\n(.*?)^```$/gms);
		return [...blocks].map(([, text]) => text as string);
	});
	expect(told).toHaveLength(3);
	for (const text of told) {
		expect(scripts).toHaveProperty(text.match(/^npm run (\S+)/)?.[1] as string);
		// The setting of the path is in each, and makes `valence` known.
		const path = text.match(/export PATH="\$PWD\/(.*):\$PATH"/)?.[1] as string;
		expect([text, existsSync(join(ROOT, path, "valence"))]).toEqual([text, true]);
	}
});

// On the same service, as the guide says for whoever has one.
test("the researcher compares models and gets tables", () => follow("researcher", guide("researcher")));

test("the README's lines lead from a file to recommendations", async () => {
	// Nothing is served when somebody begins; what the guides before have deployed would be asked about.
	const api = connect(`http://127.0.0.1:${ports[3000]}`);
	await api.delete("/deployments/{name}", { path: { name: "default" } }).catch(() => undefined);

	const lines = stepsOf(join(ROOT, "README.md")).filter(({ text }) => text.startsWith("valence import "));
	expect(lines).toHaveLength(1);
	await follow("readme", [{ kind: "serve", text: "valence start", line: 0 }, ...lines], (folder) =>
		writeMovieLens(folder, 90, { ratings: "ratings.csv", movies: "titles.csv" }),
	);
});

test("the operator starts, watches, backs up, restores and stops", async () => {
	await endAll();
	await follow("operator", guide("operator"));
	expect(await Promise.all([...running.values()].map(({ end }) => end()))).toHaveLength(2);
});
