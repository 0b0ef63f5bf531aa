// The Helm chart, checked without a cluster: what it renders for each example, held against the schemas of Kubernetes and the code it starts.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
	CHART,
	type Container,
	EXAMPLES,
	FOREIGN,
	HELM,
	of,
	type Probe,
	pods,
	podsOf,
	type Resource,
	render,
	rendered,
	run,
	selects,
	TOOLS,
	variableOf,
} from "./chart.js";

/** The oldest that the chart takes, and the newest that is known. */
const VERSIONS = ["1.30.0", "1.37.0"];
/** What libraries read, not we: Numba, those of object stores, and OpenTelemetry. */
const OF_LIBRARIES = /^(NUMBA_CACHE_DIR|(AWS|GOOGLE|AZURE|OTEL)_[A-Z_]+)$/;
const read = (...paths: string[]) => paths.map((path) => readFileSync(path, "utf8")).join("");
const CONTROL = read("services/api/src/config.ts");
const PYTHON = "services/trainer-py/trainer";
const [TRAINER, RECOMMENDER] = ["trainer", "recommender"].map((name) =>
	read(`${PYTHON}/settings.py`, `${PYTHON}/server/${name}_server.py`),
) as [string, string];
/** Where each container's code reads its environment. */
const CODE: Record<string, string> = {
	...{ api: CONTROL, worker: CONTROL, migration: CONTROL },
	...{ trainer: TRAINER, recommender: RECOMMENDER },
};

const folder = mkdtempSync(join(tmpdir(), "valence-chart-"));
afterAll(() => rmSync(folder, { recursive: true }));

it.each(EXAMPLES)("%s passes helm lint --strict", (name) => {
	const { status, stdout } = run(HELM, "lint", "--strict", CHART, "-f", `${CHART}/examples/${name}.yaml`);
	expect([status, stdout]).toEqual([0, expect.stringContaining("0 chart(s) failed")]);
});

it.each(VERSIONS)("all objects are what Kubernetes %s takes", (version) => {
	const files = EXAMPLES.map((name) => {
		const own = rendered[name].filter(({ kind }) => !FOREIGN.includes(kind));
		expect(own.length).toBeGreaterThan(8);
		const file = join(folder, `${name}.yaml`);
		writeFileSync(file, own.map((each) => JSON.stringify(each)).join("\n---\n"));
		return file;
	});
	const { status, stdout, stderr } = run(join(TOOLS, "kubernetes-validate"), "--strict", "-k", version, ...files);
	expect([status, `${stdout}${stderr}`]).toEqual([0, expect.not.stringMatching(/WARN|ERROR|Couldn't/)]);
	expect(`${stdout}${stderr}`.match(/ passed /g)).toHaveLength(
		EXAMPLES.reduce((sum, name) => sum + rendered[name].filter(({ kind }) => !FOREIGN.includes(kind)).length, 0),
	);
});

it("would not pass with a field that Kubernetes does not know", () => {
	const [deployment] = of("trial", "Deployment") as [Resource];
	const file = join(folder, "wrong.yaml");
	writeFileSync(file, JSON.stringify({ ...deployment, spec: { ...deployment.spec, replcas: 2 } }));
	expect(run(join(TOOLS, "kubernetes-validate"), "--strict", "-k", "1.37.0", file).status).not.toBe(0);
});

it.each([
	["a misspelt key", ["--set", "api.replcas=2"], "at '/api': additional properties 'replcas' not allowed"],
	["a key at the top", ["--set", "recomender.replicas=2"], "additional properties 'recomender' not allowed"],
	["a queue that is none", ["--set", "queue=kafka"], "at '/queue': value must be one of 'redis', 'postgresql'"],
	["a variable that the api does not read", ["--set", "api.env.LISTS=1"], "/api/env"],
	["half a class of machines", ["--set", "machines.tpu.enabled=true"], "at '/machines/tpu': missing properties"],
	["an address of no store", ["--set", "artifacts.url=ftp://x"], "at '/artifacts/url'"],
	["an ingress without a host", ["--set", "ingress.enabled=true"], "at '/ingress/host'"],
	["no machine at all", ["--set", "machines.cpu.enabled=false"], "machines: one must always be there"],
	[
		"a scrape that would be refused",
		["--set", "serviceMonitor.enabled=true", "--set", "api.allowedHosts={a.example}"],
		"leave api.allowedHosts empty",
	],
])("refuses %s by its name", (_what, args, said) => {
	const { status, stderr } = render(...args);
	expect([status, stderr]).toEqual([1, expect.stringContaining(said)]);
});

it.each(pods)("%s may gain nothing, writes only where it is lent room, and is bounded", (_name, { spec }) => {
	expect(spec.automountServiceAccountToken).toBe(false);
	expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
	expect(spec.securityContext.runAsUser).toBeGreaterThan(0);
	for (const { securityContext, resources, volumeMounts = [] } of spec.containers) {
		expect(securityContext).toEqual({
			allowPrivilegeEscalation: false,
			readOnlyRootFilesystem: true,
			capabilities: { drop: ["ALL"] },
		});
		expect(resources).toMatchObject({
			requests: { cpu: expect.anything(), memory: expect.anything() },
			limits: { memory: expect.anything() },
		});
		// `data` is of a volumeClaimTemplate.
		const lent = new Set(["data", ...(spec.volumes ?? []).map(({ name }) => name)]);
		for (const { name } of volumeMounts) expect(lent).toContain(name);
	}
});

it.each(pods)("%s gets only variables that its code reads, secrets by reference", (_name, { spec }) => {
	for (const { name, env } of spec.containers) {
		expect(new Set(env.map((each) => each.name)).size).toBe(env.length);
		for (const { name: variable, value, valueFrom } of env) {
			if (valueFrom?.fieldRef)
				expect([variable, valueFrom.fieldRef.fieldPath]).toEqual(["MACHINE_NAME", "metadata.name"]);
			else if (valueFrom) expect(valueFrom.secretKeyRef?.key).toBe(variable);
			else expect(value).toEqual(expect.any(String));
			if (/KEY|PASSWORD|SECRET|TOKEN|_URL$/.test(variable)) expect(valueFrom).toBeDefined();
			const code = CODE[name];
			if (!code || OF_LIBRARIES.test(variable)) continue;
			expect([variable, code]).toEqual([
				variable,
				expect.stringMatching(new RegExp(`"${variable}"|\\.${variable}\\b`)),
			]);
		}
	}
});

it("lets values name only variables that the code reads", () => {
	const { properties, $defs } = JSON.parse(readFileSync(`${CHART}/values.schema.json`, "utf8"));
	for (const [code, { properties: fields }] of [
		[CONTROL, properties.api],
		[RECOMMENDER, properties.recommender],
		[TRAINER, $defs.machine],
	]) {
		expect(fields.env.propertyNames.enum.length).toBeGreaterThan(0);
		for (const variable of fields.env.propertyNames.enum) expect(code).toContain(`"${variable}"`);
	}
});

it("sets, or lets values set, every variable of api and worker but those that no cluster needs", () => {
	/** As the image has it, of the supervisor, and of tests; one release has one queue, in stores of its own. */
	const needless = ["DASHBOARD_DIR", "EXIT_WITH_STDIN", "TIMING_SCALE", "QUEUE_PREFIX"];
	const reads = new Set(CONTROL.match(/(?<="|environment\.)(?!OTEL_)[A-Z][A-Z_]+\b/g));
	expect(reads.size).toBeGreaterThan(20);
	const { properties } = JSON.parse(readFileSync(`${CHART}/values.schema.json`, "utf8"));
	const templates = read(...readdirSync(`${CHART}/templates`).map((name) => `${CHART}/templates/${name}`));
	const set = templates.match(/(?<=name: |secret" \(list \. ")[A-Z_]+(?=,|"\))/g) ?? [];
	const covered = new Set([...set, ...properties.api.properties.env.propertyNames.enum, ...needless]);
	expect([...reads].filter((name) => !covered.has(name))).toEqual([]);
	expect(needless.filter((name) => !reads.has(name))).toEqual([]);
});

it.each(pods)("%s is asked at probes that are there, and starts what the image holds", (_name, { spec }) => {
	for (const { name, command = [], env, ports = [], ...container } of spec.containers) {
		const ours = ["api", "worker", "trainer", "recommender", "migration"].includes(name);
		if (ours && command[0] === "node") {
			const source = command[1]?.replace("services/api/dist/", "services/api/src/").replace(/js$/, "ts") ?? "";
			expect([source, existsSync(source)]).toEqual([source, true]);
		} else if (ours) {
			const main = readFileSync("services/trainer-py/trainer/__main__.py", "utf8");
			expect(command.slice(0, 3)).toEqual(["python", "-m", "trainer"]);
			expect(main).toContain(`add_parser("${command[3]}"`);
		}
		if (name === "migration") continue;
		const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe].filter(Boolean);
		expect(probes.length).toBeGreaterThan(1);
		for (const probe of probes as Probe[]) {
			if (probe.httpGet) {
				const { path, httpHeaders } = probe.httpGet;
				expect(readFileSync("services/api/src/routes/health.ts", "utf8")).toContain(`"${path}"`);
				expect(httpHeaders).toEqual([{ name: "Host", value: "localhost" }]);
				expect(ports).toEqual([{ name: "http", containerPort: Number(variableOf({ env } as Container, "PORT")) }]);
			} else if (probe.grpc) {
				const listens = variableOf({ env } as Container, `${name.toUpperCase()}_LISTEN`);
				expect(listens).toBe(`0.0.0.0:${probe.grpc.port}`);
				expect(ports).toEqual([{ name: "grpc", containerPort: probe.grpc.port }]);
			} else if (name === "worker") {
				const port = variableOf({ env } as Container, "WORKER_HEALTH_PORT");
				expect(probe.exec?.command.at(-1)).toContain(`http://127.0.0.1:${port}/healthz`);
			} else expect(probe.exec?.command.length).toBeGreaterThan(1);
		}
	}
});

it.each(EXAMPLES)("in %s everything finds what it speaks to, and nothing else reaches it", (example) => {
	const all = podsOf(rendered[example]);
	const services = of(example, "Service");
	for (const { labels, spec } of all) {
		for (const { env } of spec.containers) {
			for (const { name, value = "" } of env.filter((each) => /_ADDRESS$/.test(each.name))) {
				const [host, port] = value.split(":");
				if (host === "127.0.0.1") {
					expect(spec.containers.map((each) => each.ports?.[0]?.containerPort)).toContain(Number(port));
					continue;
				}
				const service = services.find(({ metadata }) => metadata.name === host) as Resource;
				expect([name, service?.spec.ports[0].port]).toEqual([name, Number(port)]);
				// A balanced address would hide the recommenders from the api, which chooses among them.
				if (name === "RECOMMENDER_ADDRESS") expect(service.spec.clusterIP).toBe("None");
				const reached = all.filter((pod) => selects(service.spec.selector, pod.labels));
				expect(reached.length).toBeGreaterThan(0);
				// The policy of those lets this pod in.
				for (const target of reached) {
					const [policy] = of(example, "NetworkPolicy").filter(({ spec: { podSelector } }) =>
						selects(podSelector.matchLabels, target.labels),
					) as [Resource];
					const [rule] = policy.spec.ingress;
					expect(rule.ports).toEqual([{ port: Number(port) }]);
					const lets = (peer: { podSelector: { matchLabels: Record<string, string> } }) =>
						selects(peer.podSelector.matchLabels, labels);
					expect(rule.from.some(lets)).toBe(true);
				}
			}
		}
	}
	const allowed = Object.fromEntries(
		of(example, "NetworkPolicy").map(({ metadata, spec }) => [
			metadata.name.replace("valence-", ""),
			spec.ingress[0].from?.map(
				(peer: { podSelector?: { matchLabels: Record<string, string> } }) =>
					peer.podSelector?.matchLabels["app.kubernetes.io/component"] ?? "keda",
			),
		]),
	);
	expect(allowed).toMatchObject({ api: undefined, machine: ["api"], recommender: ["api", "machine"] });
	for (const { spec } of of(example, "PodDisruptionBudget")) {
		expect(all.some(({ labels }) => selects(spec.selector.matchLabels, labels))).toBe(true);
		expect(spec.maxUnavailable).toBe(1);
	}
});
