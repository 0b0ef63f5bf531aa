// The compose file and the images, checked without an engine.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { DockerfileParser } from "dockerfile-ast";
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
const text = readFileSync("docker-compose.yml", "utf8");
const compose = parse(text, { merge: true }) as {
	services: Record<string, Service>;
	volumes: object;
	networks: object;
};
const services = Object.entries(compose.services);

it("has the six services", () => {
	expect(Object.keys(compose.services).sort()).toEqual([
		"api",
		"postgres",
		"recommender",
		"redis",
		"trainer",
		"worker",
	]);
});

it.each(services)("%s is healthy, limited and may gain nothing", (_name, service) => {
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
			expect(condition).toBe("service_healthy");
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

const dockerfiles = readdirSync("deploy").filter((name) => name.endsWith(".Dockerfile"));
it.each(dockerfiles)("%s: pinned, in stages, not as root, copying what there is", (name) => {
	const file = DockerfileParser.parse(readFileSync(`deploy/${name}`, "utf8"));
	const froms = file.getFROMs();
	expect(froms.length).toBeGreaterThan(1);
	for (const from of froms) expect(from.getImageTag()).toMatch(/^\d+\.\d+\.\d+/);
	const users = file.getInstructions().filter((one) => one.getKeyword() === "USER");
	expect(users.at(-1)?.getArgumentsContent()).not.toMatch(/^(root|0)?$/);
	for (const copy of file.getCOPYs()) {
		if (copy.getFromFlag()) continue;
		const sources = copy
			.getArguments()
			.slice(0, -1)
			.map((one) => one.getValue());
		for (const source of sources) expect([source, existsSync(source)]).toEqual([source, true]);
	}
	const built = file.getInstructions().map((one) => one.getKeyword());
	expect(built.at(-1)).toBe("CMD");
});
