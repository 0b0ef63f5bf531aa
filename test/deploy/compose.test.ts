// The compose file and the images, checked without an engine.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { DockerfileParser } from "dockerfile-ast";
import { parseURL as parseRedis } from "ioredis/built/utils/index.js";
import { parse as parsePostgres } from "pg-connection-string";
import { parse } from "yaml";

interface Service {
	image?: string;
	build?: { dockerfile: string };
	user?: string;
	read_only?: boolean;
	cap_drop?: string[];
	security_opt?: string[];
	healthcheck?: { test: string[] };
	depends_on?: Record<string, { condition: string }>;
	deploy?: { resources: { limits?: { memory?: string; cpus?: string } } };
	environment?: Record<string, string>;
	volumes?: string[];
	networks?: string[];
	command?: string[];
	ports?: string[];
}
interface Compose {
	services: Record<string, Service>;
	volumes: object;
	networks: object;
}
const text = readFileSync("docker-compose.yml", "utf8");
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);

const oneShot = "settings";
const lasting = services.filter(([name]) => name !== oneShot);

it("has six services, and one that looks at the settings before them", () => {
	expect(Object.keys(compose.services).sort()).toEqual([
		"api",
		"postgres",
		"recommender",
		"redis",
		"settings",
		"trainer",
		"worker",
	]);
});

it.each(lasting)("%s is healthy, limited and may gain nothing", (_name, service) => {
	expect(service.healthcheck?.test.length).toBeGreaterThan(1);
	expect(service.deploy?.resources.limits).toMatchObject({ memory: expect.any(String), cpus: expect.any(String) });
	expect(service.security_opt).toContain("no-new-privileges:true");
	if (service.image && !service.image.startsWith("valence-")) expect(service.image).toMatch(/:\d+\.\d+/);
});

it.each(services)("%s has a read-only root, no capabilities and is not root", (_name, service) => {
	expect(service.read_only).toBe(true);
	expect(service.cap_drop).toEqual(["ALL"]);
	// The images of our own say it themselves; the test of the Dockerfiles sees to that.
	if (!service.image?.startsWith("valence-")) expect(service.user).toMatch(/^[a-z]+$/);
});

it("names only services, volumes and networks that exist", () => {
	for (const [, service] of services) {
		for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
			expect(compose.services).toHaveProperty(other);
			expect(condition).toBe(other === oneShot ? "service_completed_successfully" : "service_healthy");
		}
		for (const volume of service.volumes ?? []) expect(compose.volumes).toHaveProperty(volume.split(":")[0] as string);
		for (const network of service.networks ?? []) expect(compose.networks).toHaveProperty(network);
	}
});

it("keeps Redis's jobs", () => {
	const command = compose.services.redis?.command?.join(" ");
	expect(command).toContain("--appendonly yes");
	expect(command).toContain("--maxmemory-policy noeviction");
});

it("publishes on loopback, with a key required", () => {
	expect(compose.services.api?.ports).toEqual([expect.stringMatching(/^127\.0\.0\.1:/)]);
	expect(compose.services.api?.environment?.API_KEYS).toMatch(/:\?/);
});

it("documents every variable it reads", () => {
	const example = readFileSync(".env.example", "utf8");
	const read = new Set([...text.matchAll(/(?<!\$)\$\{([A-Z_]+)/g)].map((match) => match[1] as string));
	for (const name of read) expect(example).toMatch(new RegExp(`^${name}=`, "m"));
});

it("gives the processes no variable that they do not know", () => {
	const known = readFileSync("ARCHITECTURE.md", "utf8");
	for (const name of ["api", "worker", "trainer", "recommender"]) {
		for (const variable of Object.keys(compose.services[name]?.environment ?? {})) {
			if (variable !== "NUMBA_CACHE_DIR") expect(known).toContain(`\`${variable}\``);
		}
	}
});

it("knows and documents what compose.s3.yml adds, and reaches the store with a cache that may be written", () => {
	const text = readFileSync("deploy/compose.s3.yml", "utf8");
	const known = readFileSync("ARCHITECTURE.md", "utf8");
	const example = readFileSync(".env.example", "utf8");
	const added = parse(text, { merge: true }) as Compose;
	expect(Object.keys(added.services)).toEqual(["trainer", "recommender"]);
	for (const { environment = {}, volumes, networks } of Object.values(added.services)) {
		for (const name of Object.keys(environment)) {
			expect(known).toContain(name.startsWith("AWS_") ? "`AWS_*`" : `\`${name}\``);
			if (name !== "VALENCE_CACHE") expect(example).toMatch(new RegExp(`^#${name}=`, "m"));
		}
		expect(volumes).toEqual([`cache:${environment.VALENCE_CACHE}`]);
		for (const network of networks ?? []) expect(compose.networks).toHaveProperty(network);
		expect(networks).toContain("edge");
	}
});

describe("the settings of .env", () => {
	const good = {
		POSTGRES_PASSWORD: "a1b2c3",
		REDIS_PASSWORD: "d4.e5_f6~g7-h8",
		API_KEYS: `${"k".repeat(24)}, ${"l".repeat(30)}`,
	};
	const look = (env: Record<string, string>) => {
		const { status, stderr } = spawnSync(process.execPath, ["services/api/dist/settings.js"], {
			encoding: "utf8",
			env,
		});
		return [status, stderr];
	};

	it("are accepted as documented", () => expect(look(good)).toEqual([0, ""]));

	it("are refused as the example has them, each by its name", () => {
		const example = Object.fromEntries(
			readFileSync(".env.example", "utf8")
				.split("\n")
				.filter((line) => /^[A-Z_]+=/.test(line))
				.map((line) => line.split("=") as [string, string]),
		);
		const [status, said] = look(example);
		expect([status, String(said).trim().split("\n").length]).toEqual([2, 3]);
		for (const name of Object.keys(good)) expect(said).toContain(`.env: ${name} is still CHANGE`);
	});

	it.each(["abc+def=", "a@b", "a:b", "a&b;c,d", "grün", "(*)!'"])("are accepted when a password is %j", (password) => {
		expect(look({ ...good, POSTGRES_PASSWORD: password, REDIS_PASSWORD: password })).toEqual([0, ""]);
		// As pg and ioredis read the addresses that the compose file makes of it.
		const { environment } = compose.services.api as { environment: Record<string, string> };
		const address = (name: string) => (environment[name] as string).replace(/\$\{[^}]+\}/, password);
		expect(parsePostgres(address("DATABASE_URL"))).toMatchObject({ password, host: "postgres", database: "valence" });
		expect(parseRedis(address("REDIS_URL"))).toMatchObject({ password, host: "redis" });
	});

	it.each([
		["a/b", '"/"'],
		["a#b?c", '"#" or "?"'],
		["a%zz", '"%"'],
		["a%20b", '"%"'],
		["a\tb", '"\\t"'],
	])("are refused when a password is %j, with the place", (password, place) => {
		const refusal = `.env: REDIS_PASSWORD must not hold ${place}, as it becomes part of an address`;
		expect(look({ ...good, REDIS_PASSWORD: password })).toEqual([2, expect.stringContaining(refusal)]);
	});

	it("are refused when a password is empty", () =>
		expect(look({ ...good, REDIS_PASSWORD: "" })).toEqual([2, expect.stringContaining("REDIS_PASSWORD must be set")]));

	it("stop everything: nothing starts before them", () => {
		for (const [name] of lasting) {
			const first = new Set<string>();
			const visit = (each: string) => {
				for (const other of Object.keys(compose.services[each]?.depends_on ?? {})) {
					first.add(other);
					visit(other);
				}
			};
			visit(name);
			expect([name, first.has(oneShot)]).toEqual([name, true]);
		}
	});
});

const [server, recommender] = ["api.Dockerfile", "trainer.cpu.Dockerfile"].map((name) =>
	readFileSync(`deploy/${name}`, "utf8"),
) as [string, string];
/** Where what an image holds lies in the checkout, once that is set up. */
const COPIED = { "services/api/dist/": "services/api/src/", "/app/probe.py": "deploy/probe.py" };

it("builds each image of ours once, from files that are there", () => {
	const ours = services.flatMap(([, { image }]) => (image?.startsWith("valence-") ? [image] : []));
	const built = services.flatMap(([, { image, build }]) => (build ? [image] : []));
	expect([...built].sort()).toEqual([...new Set(ours)].sort());
	const gpu = parse(readFileSync("deploy/compose.gpu.yml", "utf8")) as typeof compose;
	for (const [name, { build }] of [...services, ...Object.entries(gpu.services)]) {
		expect(compose.services).toHaveProperty(name);
		const dockerfile = build?.dockerfile.replace(/^\$\{\w+:-(.*)\}$/, "$1");
		if (dockerfile) expect([dockerfile, existsSync(dockerfile)]).toEqual([dockerfile, true]);
	}
});

it("starts what the images hold", () => {
	const commands = services.flatMap(([, { image, command, healthcheck }]) =>
		image?.startsWith("valence-") ? [command ?? [], (healthcheck?.test ?? []).slice(1)] : [],
	);
	const found = commands.filter(({ length }) => length > 0);
	expect(found.length).toBeGreaterThan(6);
	for (const [program, first = "", ...more] of found) {
		if (first === "-e") continue;
		if (first === "-m") {
			const [module, asked] = more as [string, string];
			const main = readFileSync(`services/trainer-py/${module}/__main__.py`, "utf8");
			expect([program, main]).toEqual(["python", expect.stringContaining(`add_parser("${asked}"`)]);
			continue;
		}
		const [there, here] = Object.entries(COPIED).find(([path]) => first.startsWith(path)) as [string, string];
		const source = first.replace(there, here).replace(/\.js$/, ".ts");
		expect([first, existsSync(source)]).toEqual([first, true]);
		expect(program === "node" ? server : recommender).toContain(there.replace("/app/", "").replace(/\/$/, ""));
	}
});

it("asks each process at the port that it listens on", () => {
	const env = (name: string) => compose.services[name]?.environment as Record<string, string>;
	const { api, worker } = compose.services;
	const portOf = (address = "") => address.split(":").at(-1) as string;
	expect(portOf(api?.ports?.[0])).toBe(env("api").PORT);
	expect(api?.healthcheck?.test.join(" ")).toContain(`127.0.0.1:${env("api").PORT}/healthz`);
	expect(worker?.healthcheck?.test.join(" ")).toContain(`127.0.0.1:${env("worker").WORKER_HEALTH_PORT}/healthz`);
	expect(server).toContain(`EXPOSE ${env("api").PORT}\n`);
	for (const name of ["trainer", "recommender"]) {
		const upper = name.toUpperCase();
		const port = portOf(env(name)[`${upper}_LISTEN`]);
		expect(compose.services[name]?.healthcheck?.test.at(-1)).toBe(`127.0.0.1:${port}`);
		expect(recommender).toMatch(new RegExp(`EXPOSE .*${port}`));
		for (const caller of ["api", "worker"]) {
			expect(env(caller)[`${upper}_ADDRESS`]).toBe(`${name}:${port}`);
			// They find each other by name on a network that both are on.
			const shared = compose.services[caller]?.networks?.filter((one) =>
				compose.services[name]?.networks?.includes(one),
			);
			expect(shared).not.toEqual([]);
		}
		const mounted = compose.services[name]?.volumes?.map((volume) => volume.split(":")[1]);
		expect(mounted).toContain(env(name).VALENCE_ARTIFACTS);
	}
});

const ignored = readFileSync(".dockerignore", "utf8").trim().split("\n");
/** The last line that speaks of a path decides. */
function isSent(path: string): boolean {
	const speaks = (line: string) =>
		line.startsWith("**/") ? path.split("/").includes(line.slice(3)) : path === line || path.startsWith(`${line}/`);
	const last = ignored.findLast((line) => speaks(line.replace(/^!/, "")));
	return last === undefined || last.startsWith("!");
}

const dockerfiles = readdirSync("deploy").filter((name) => name.endsWith(".Dockerfile"));
it.each(dockerfiles)("%s: pinned, in stages, not as root, copying what there is", (name) => {
	const text = readFileSync(`deploy/${name}`, "utf8");
	const file = DockerfileParser.parse(text);
	const froms = file.getFROMs();
	expect(froms.length).toBeGreaterThan(1);
	for (const from of froms) expect(from.getImageTag()).toMatch(/^\d+\.\d+\.\d+/);
	const users = file.getInstructions().filter((one) => one.getKeyword() === "USER");
	expect(users.at(-1)?.getArgumentsContent()).not.toMatch(/^(root|0)?$/);
	const sent: string[] = [];
	for (const copy of file.getCOPYs()) {
		const isMade = copy.getFromFlag() !== null;
		const sources = copy
			.getArguments()
			.slice(0, -1)
			.map((one) => one.getValue().replace(/^\/app\//, ""));
		for (const source of sources.filter((one) => one !== "/venv"))
			expect([source, existsSync(source), isMade || isSent(source)]).toEqual([source, true, true]);
		if (!isMade) sent.push(...sources);
	}
	// What is run while it is built: files of the checkout, not of an image.
	const runs = file.getInstructions().filter((one) => one.getKeyword() === "RUN");
	const named = runs.flatMap(
		(one) => one.getArgumentsContent()?.match(/(?<= )[\w-]+\/[\w./-]+\.(?:m?js|json|py)\b/g) ?? [],
	);
	for (const path of named) {
		expect([path, existsSync(path)]).toEqual([path, true]);
		expect([path, sent.some((one) => path === one || path.startsWith(`${one}/`))]).toEqual([path, true]);
	}
	// `npm ci` reads the manifest of each workspace.
	if (text.includes("npm ci")) {
		const { workspaces } = JSON.parse(readFileSync("package.json", "utf8")) as { workspaces: string[] };
		for (const workspace of workspaces) expect(sent).toContain(`${workspace}/package.json`);
	}
	const built = file.getInstructions().map((one) => one.getKeyword());
	expect(built.at(-1)).toBe("CMD");
});
