// What each example of the chart is for.
import { readFileSync } from "node:fs";
import { CHART, containerOf, of, one, type PodSpec, pods, render, selects, variableOf } from "./chart.js";

/** Bytes of a cache, and as many of an upload, unless values say otherwise. */
const CACHE = 10 * 2 ** 30;

describe("a trial", () => {
	it("has its own stores, which migrate by the first process and keep their data", () => {
		const stores = of("trial", "StatefulSet").map(({ metadata }) => metadata.name);
		expect(stores.sort()).toEqual(["valence-postgres", "valence-redis"]);
		expect(one("trial", "Job", "-migration").metadata.annotations?.["helm.sh/hook"]).toBe("pre-upgrade");
		expect(one("trial", "PersistentVolumeClaim", "-artifacts")).toMatchObject({
			metadata: { annotations: { "helm.sh/resource-policy": "keep" } },
			spec: { accessModes: ["ReadWriteOnce"] },
		});
		const redis = containerOf(one("trial", "StatefulSet", "-redis"), "redis").command?.join(" ");
		expect(redis).toContain("--maxmemory-policy noeviction");
	});
	it("lets the trainer write what the recommender reads", () => {
		const mount = (deployment: string, name: string) =>
			containerOf(one("trial", "Deployment", deployment), name).volumeMounts?.find(
				({ mountPath }) => mountPath === "/artifacts",
			)?.readOnly;
		expect([mount("-machine-cpu", "trainer"), mount("-recommender", "recommender")]).toEqual([false, true]);
	});
});

describe("external services", () => {
	it("leave nothing in the cluster that holds data, and are migrated before an install", () => {
		for (const kind of ["StatefulSet", "PersistentVolumeClaim"]) expect(of("external", kind)).toEqual([]);
		const hook = one("external", "Job", "-migration").metadata.annotations?.["helm.sh/hook"];
		expect(hook).toBe("pre-install,pre-upgrade");
	});
	it("hold the artifacts, with keys out of the Secret", () => {
		for (const [deployment, name] of [
			["-machine-cpu", "trainer"],
			["-recommender", "recommender"],
		] as const) {
			const container = containerOf(one("external", "Deployment", deployment), name);
			expect(variableOf(container, "VALENCE_ARTIFACTS")).toBe("s3://example-bucket/valence");
			expect(container.volumeMounts).toContainEqual({
				name: "cache",
				mountPath: variableOf(container, "VALENCE_CACHE"),
			});
			expect(variableOf(container, "AWS_REGION")).toBe("eu-central-1");
			expect(container.env.filter(({ valueFrom }) => valueFrom).map((each) => each.name)).toEqual([
				"AWS_ACCESS_KEY_ID",
				"AWS_SECRET_ACCESS_KEY",
			]);
		}
	});
});

describe("a cache of an object store", () => {
	it.each([
		["-machine-cpu", "trainer", 2 * CACHE],
		["-recommender", "recommender", CACHE],
	] as const)("%s asks its node for the room it may take, and may take a little more", (deployment, name, bytes) => {
		const found = one("external", "Deployment", deployment);
		const { requests } = containerOf(found, name).resources;
		expect(requests).toMatchObject({ cpu: expect.any(String), memory: expect.any(String) });
		expect(Number(requests["ephemeral-storage"])).toBe(bytes);
		const { volumes } = found.spec.template.spec as PodSpec;
		const cache = volumes?.find((volume) => volume.name === "cache");
		expect(cache?.emptyDir).toEqual({ sizeLimit: String(bytes * 1.25) });
	});
	it("is not there beside a volume", () => {
		const found = one("trial", "Deployment", "-machine-cpu");
		expect(containerOf(found, "trainer").resources.requests).not.toHaveProperty("ephemeral-storage");
	});
	it("may ask for more, where the values say so", () => {
		const more = "recommender.resources.requests.ephemeral-storage=50Gi";
		expect(render("-f", `${CHART}/examples/external.yaml`, "--set", more).stdout).toContain("ephemeral-storage: 50Gi");
	});
});

describe("machines with GPUs", () => {
	const machine = () => one("gpu", "Deployment", "-machine-gpu");
	it("train on them, in the image for that, and never need one more to be renewed", () => {
		const trainer = containerOf(machine(), "trainer");
		expect(trainer.resources.limits["nvidia.com/gpu"]).toBe(1);
		expect(trainer.image).toBe("registry.example.org/valence-trainer-gpu:0.1.0");
		const worker = containerOf(machine(), "worker");
		expect(variableOf(worker, "DEVICE")).toBe("cuda");
		expect(variableOf(worker, "RUN_CONCURRENCY")).toBe(variableOf(trainer, "TRAINER_SLOTS"));
		expect(machine().spec.strategy.rollingUpdate).toEqual({ maxSurge: 0, maxUnavailable: 1 });
		expect(machine().spec.template.spec).toMatchObject({
			nodeSelector: { "nvidia.com/gpu.present": "true" },
			tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }],
		});
	});
	it("are alone, on a queue in PostgreSQL", () => {
		expect(of("gpu", "Deployment").map(({ metadata }) => metadata.name)).not.toContain("valence-machine-cpu");
		for (const [, { spec }] of pods.filter(([name]) => name.endsWith("of gpu")))
			for (const { env } of spec.containers) expect(env.map(({ name }) => name)).not.toContain("REDIS_URL");
	});
});

describe("everything", () => {
	it("scales the api by CPU and requests, the recommender by CPU", () => {
		for (const [name, metrics] of [
			["-api", ["cpu", "valence_http_requests_per_second"]],
			["-recommender", ["cpu"]],
		] as const) {
			const { spec } = one("everything", "HorizontalPodAutoscaler", name);
			expect(one("everything", spec.scaleTargetRef.kind, name).spec.replicas).toBeUndefined();
			expect(
				spec.metrics.map((each: { resource?: { name: string }; pods?: { metric: { name: string } } }) =>
					each.resource ? each.resource.name : each.pods?.metric.name,
				),
			).toEqual(metrics);
		}
	});
	it("scales machines by what the database has to be done", () => {
		expect(of("everything", "ScaledObject")).toHaveLength(2);
		for (const { spec } of of("everything", "ScaledObject")) {
			const { spec: machine } = one("everything", "Deployment", spec.scaleTargetRef.name.replace("valence", ""));
			expect(machine.replicas).toBeUndefined();
			const [{ metadata, authenticationRef }] = spec.triggers;
			const schema = readFileSync("prisma/schema.prisma", "utf8");
			const worker = machine.template.spec.containers[0];
			const machineClass = variableOf(worker, "MACHINE_CLASS");
			const words = [...metadata.query.matchAll(/(class = )?'(\w+)'/g)];
			expect(words.length).toBeGreaterThan(4);
			for (const [, isClass, word] of words) {
				if (isClass) expect(word).toBe(machineClass);
				else expect(schema).toMatch(new RegExp(`^ {2}${word}$`, "m"));
			}
			// What any machine may do brings none with a GPU, beside those without.
			expect(metadata.query.includes("machine_class IS NULL")).toBe(machineClass === "cpu");
			expect(metadata.targetQueryValue).toBe(variableOf(worker, "RUN_CONCURRENCY"));
			expect(one("everything", "TriggerAuthentication", "-database").metadata.name).toBe(authenticationRef.name);
		}
		const [policy] = of("everything", "NetworkPolicy").filter(({ metadata }) => metadata.name === "valence-postgres");
		expect(policy?.spec.ingress[0].from.at(-1).namespaceSelector.matchLabels).toEqual({
			"kubernetes.io/metadata.name": "keda",
		});
	});
	it("names each machine by its pod and its class, and tells who launches which classes there may be", () => {
		const api = containerOf(one("everything", "Deployment", "-api"), "api");
		expect(variableOf(api, "MACHINE_CLASSES")).toBe("cpu,gpu");
		for (const name of ["cpu", "gpu"]) {
			const worker = containerOf(one("everything", "Deployment", `-machine-${name}`), "worker");
			expect(variableOf(worker, "MACHINE_CLASS")).toBe(name);
			expect(variableOf(worker, "MACHINE_CLASSES")).toBe("cpu,gpu");
			expect(worker.env.find((each) => each.name === "MACHINE_NAME")?.valueFrom?.fieldRef).toEqual({
				fieldPath: "metadata.name",
			});
		}
	});
	it("sends traces from every process of ours", () => {
		const ours = ["api", "worker", "trainer", "recommender"];
		const sending = pods
			.filter(([name]) => name.endsWith("of everything"))
			.flatMap(([, { spec }]) => spec.containers)
			.filter((container) => variableOf(container, "OTEL_EXPORTER_OTLP_ENDPOINT"));
		expect(new Set(sending.map(({ name }) => name))).toEqual(new Set(ours));
	});
	it("is admitted by Kueue and scraped with a key", () => {
		const { labels } = one("everything", "Deployment", "-machine-cpu").metadata;
		expect(labels["kueue.x-k8s.io/queue-name"]).toBe("trainings");
		const { spec, metadata } = one("everything", "ServiceMonitor", "");
		expect(metadata.labels.release).toBe("prometheus");
		expect(spec.endpoints).toEqual([
			expect.objectContaining({
				port: "http",
				path: "/metrics",
				authorization: { credentials: { name: "valence", key: "METRICS_KEY" } },
			}),
		]);
		const found = of("everything", "Service").filter((each) =>
			selects(spec.selector.matchLabels, each.metadata.labels),
		);
		expect(found.map((each) => each.spec.ports[0].name)).toEqual(["http"]);
	});
});
