// One trace from a request through queue, worker, trainer and training child to the rows; and nothing where no collector is named.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BadSetting, readConfig } from "../../services/api/src/config.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { type Span, startCollector } from "../support/collector.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";
const EPOCHS = 3;
const SOURCES = "services/api/src";

describe("with a collector", () => {
	let collector: Awaited<ReturnType<typeof startCollector>>;
	let stack: Stack;
	beforeAll(async () => {
		collector = await startCollector();
		// The processes that a stack starts have it from here.
		process.env.OTEL_EXPORTER_OTLP_ENDPOINT = collector.url;
		process.env.OTEL_BSP_SCHEDULE_DELAY = "200";
		stack = await startStack();
	}, 240_000);
	afterAll(async () => {
		delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
		delete process.env.OTEL_BSP_SCHEDULE_DELAY;
		await stack?.stop();
		await collector?.close();
	});

	it("a run is one trace over four processes, and continues the caller's", async () => {
		const port = await freePort();
		stack.startApi(port);
		const api = `http://127.0.0.1:${port}`;
		const isUp = () =>
			fetch(`${api}/healthz`).then(
				({ ok }) => ok,
				() => false,
			);
		await until("the api answers", isUp);
		stack.startWorker();
		const { datasetId: dataset } = await stack.see(stack.undisturbed);
		const params = { k: 2, embedding_size: 16, encoder_size: 16, epochs: EPOCHS };
		const reply = await fetch(`${api}/experiments`, {
			method: "POST",
			headers: { "content-type": "application/json", traceparent: `00-${TRACE}-${CALLER}-01` },
			body: JSON.stringify({ dataset, models: [{ model: "valid", params }], seeds: [1] }),
		});
		expect(reply.status).toBe(202);
		const { runs } = (await reply.json()) as { runs: { id: string }[] };
		expect((await stack.ends((runs[0] as { id: string }).id)).job.state).toBe("SUCCEEDED");

		const ours = () => collector.spans.filter(({ trace }) => trace === TRACE);
		const one = (service: string, name: string) => {
			const found = ours().filter((span) => span.service === `valence-${service}` && span.name === name);
			expect([service, name, found.length]).toEqual([service, name, 1]);
			return found[0] as Span;
		};
		await until("the last span", () => ours().some(({ name }) => name === "job run"), 20);
		await until("the child's span", () => ours().some(({ name }) => name === "child train"), 20);
		await until(
			"the trainer's span",
			() => ours().some((span) => span.service === "valence-trainer" && span.name.endsWith("/Train")),
			20,
		);
		const request = one("api", "POST /experiments");
		expect(request.parent).toBe(CALLER);
		const job = one("worker", "job run");
		expect(job.parent).toBe(request.id);
		const call = one("worker", "trainer.v1.TrainerService/Train");
		expect(call.parent).toBe(job.id);
		const answer = one("trainer", "trainer.v1.TrainerService/Train");
		expect(answer.parent).toBe(call.id);
		expect(one("trainer-child", "child train").parent).toBe(answer.id);
		const stored = ours().filter(({ name }) => name === "store epoch");
		expect(stored.map(({ service, parent }) => [service, parent])).toEqual(
			Array.from({ length: EPOCHS }, () => ["valence-worker", job.id]),
		);
		expect(one("worker", "store result").parent).toBe(job.id);
		// What the api asked the trainer meanwhile belongs to the request.
		const ids = new Set(ours().map(({ id }) => id));
		for (const { name, parent } of ours()) expect([name, parent === CALLER || ids.has(parent)]).toEqual([name, true]);
		// Health checks come every few seconds, and are in no trace at all.
		expect(collector.spans.filter(({ name }) => /health/i.test(name))).toEqual([]);
	}, 240_000);
});

describe("the settings of traces", () => {
	const config = (environment: Record<string, string>) =>
		readConfig({ DATABASE_URL: "postgresql://localhost/x", ...environment });
	const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };
	it("are OpenTelemetry's", () => {
		expect(config({}).traces).toBe(false);
		expect(config(endpoint).traces).toBe(true);
		expect(config({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://127.0.0.1:4318/v1/traces" }).traces).toBe(true);
		expect(config({ ...endpoint, OTEL_SDK_DISABLED: "true" }).traces).toBe(false);
	});
	it("refuse a protocol that is not spoken", () => {
		const asked = () => config({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" });
		expect(asked).toThrow(BadSetting);
		expect(asked).toThrow("OTEL_EXPORTER_OTLP_PROTOCOL must be one of http/protobuf");
		expect(config({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }).traces).toBe(false);
	});
});

it("loads nothing of OpenTelemetry but where it is wanted", () => {
	const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).filter((name) => /\.ts$/.test(name));
	expect(files.length).toBeGreaterThan(100);
	const having = (pattern: RegExp) => files.filter((name) => pattern.test(readFileSync(join(SOURCES, name), "utf8")));
	expect(having(/from "@opentelemetry\//)).toEqual(["open-telemetry.ts"]);
	expect(having(/from "[./]*open-telemetry\.js"/)).toEqual([]);
	expect(having(/import\("\.\/open-telemetry\.js"\)/)).toEqual(["process.ts"]);
});
