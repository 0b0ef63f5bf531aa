import { digest } from "../../../services/api/src/http/digest.js";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

let api: TestApi;
beforeEach(async () => {
	api = await startApi();
});
afterEach(() => api.close());

test("/healthz and /readyz while all is well", async () => {
	expect((await api.call("GET", "/healthz")).body).toEqual({ status: "ok" });
	const ok = { status: "ok" };
	expect((await api.call("GET", "/readyz")).body).toEqual({
		status: "ok",
		checks: { database: ok, queue: ok, trainer: ok, recommender: ok },
	});
});

test("/readyz names what is down, and nothing else", async () => {
	await api.call("GET", "/readyz");
	await api.recommender.close();
	const { status, body } = await api.call("GET", "/readyz");
	expect(status).toBe(503);
	expect(body).toEqual({
		status: "down",
		checks: {
			database: { status: "ok" },
			queue: { status: "ok" },
			trainer: { status: "ok" },
			recommender: { status: "down", detail: "does not answer" },
		},
	});
	expect((await api.call("GET", "/healthz")).status).toBe(200);
});

test("/readyz is degraded, not down, while people still get their recommendations", async () => {
	await api.call("GET", "/readyz");
	await api.trainer.close();
	const { status, body } = await api.call("GET", "/readyz");
	expect([status, body.status, body.checks.trainer.status]).toEqual([200, "degraded", "down"]);
});

describe("/readyz of a process that starts", () => {
	let shared: Record<string, string>;
	const isReady = (one: TestApi) => async () => (await one.call("GET", "/readyz")).status === 200;
	beforeEach(async () => {
		const { runs } = await api.experiment(["SUCCEEDED"]);
		await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(runs[0] as string) });
		const { address } = api.recommender;
		shared = { DATABASE_URL: api.app.config.databaseUrl, RECOMMENDER_ADDRESS: address, TIMING_SCALE: "5" };
	});

	test("waits until what is deployed is loaded", async () => {
		let release = () => {};
		api.recommender.warmHeld = new Promise((resolve) => {
			release = resolve;
		});
		const starting = await startApi(shared);
		try {
			const { status, body } = await starting.call("GET", "/readyz");
			expect([status, body.status]).toEqual([503, "down"]);
			expect(body.checks.recommender).toEqual({ status: "loading", detail: "what is deployed" });
			release();
			await until("it is loaded", isReady(starting), 30);
			expect((await starting.call("GET", "/users/somebody/recommendations")).status).toBe(200);
		} finally {
			release();
			await starting.close();
		}
	});

	test("does not wait for what cannot be loaded", async () => {
		api.recommender.refuse = refusal("DATA_LOSS", "checkpoint_corrupt", "its bytes are others");
		const before = api.recommender.requests.warm.length;
		const starting = await startApi(shared);
		await until("it has been refused", isReady(starting), 30).finally(() => starting.close());
		expect(api.recommender.requests.warm.length).toBeGreaterThan(before);
	});

	test("nor for one of several recommenders that is away, though it is the one to load it", async () => {
		const { checkpoint } = await api.app.prisma.deployment.findFirstOrThrow({ include: { checkpoint: true } });
		const weight = (address: string) => digest([checkpoint.key, address]);
		const closed = Array.from({ length: 50 }, (_, index) => `127.0.0.1:${index + 1}`);
		const first = closed.find((address) => weight(address) > weight(api.recommender.address)) as string;
		const both = { ...shared, RECOMMENDER_ADDRESS: `${first},${api.recommender.address}`, RECOMMENDER_REPLICAS: "1" };
		const starting = await startApi(both);
		await until("it answers by the other", isReady(starting), 30).finally(() => starting.close());
	});

	test("says down, and not ok, while it does not know what is deployed", async () => {
		const { deployments } = api.app;
		Object.defineProperty(deployments, "areKnown", { value: false });
		const { status, body } = await api.call("GET", "/readyz");
		expect([status, body.status, body.checks.database.status]).toEqual([503, "down", "ok"]);
	});
});

test("/metrics counts requests by route, jobs by state, and times recommendations", async () => {
	const { runs } = await api.experiment(["SUCCEEDED", "FAILED", "QUEUED"]);
	await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(runs[0] as string) });
	await api.call("POST", "/users/somebody/recommendations", { with: ["a"] });
	await api.call("GET", "/users/someone%20private/recommendations?fallback=popular");
	await api.call("GET", "/nowhere");
	const { status, headers, body } = await api.call("GET", "/metrics");
	expect(status).toBe(200);
	expect(headers["content-type"]).toContain("text/plain");
	expect(body).toContain(
		'valence_http_request_seconds_count{method="GET",route="/users/:id/recommendations",status="200"} 1',
	);
	expect(body).toMatch(/valence_http_request_seconds_count\{method="GET",route="unknown",status="404"\} 1/);
	for (const tier of ["live", "popular"])
		expect(body).toContain(`valence_recommendation_seconds_count{tier="${tier}",model="valid"} 1`);
	expect(body).toContain('valence_jobs{kind="run",state="FAILED"} 1');
	expect(body).toMatch(/valence_queue_jobs\{kind="run",state="waiting"\} \d/);
	expect(body).not.toContain("private");
});

test("/metrics has a histogram of epoch durations, each epoch counted once", async () => {
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const jobId = runs[0] as string;
	const ended = { finishedAt: new Date(), startedAt: new Date() };
	await api.app.prisma.job.update({ where: { id: jobId }, data: ended });
	const at = new Date(Date.now() - 5_000); // as of a transaction that has surely been committed
	const epochs = [0.4, 1.5].map((seconds, seq) => ({ jobId, seq: 100 + seq, type: "epoch", data: { seconds }, at }));
	await api.app.prisma.jobEvent.createMany({ data: epochs });
	for (let scrape = 0; scrape < 2; scrape++) {
		const { body } = await api.call("GET", "/metrics");
		expect(body).toContain('valence_epoch_seconds_bucket{le="0.5",model="valid"} 1');
		expect(body).toContain('valence_epoch_seconds_count{model="valid"} 2');
	}
});

test("what needs the database answers 503 while it is away, and tells nothing", async () => {
	await api.app.prisma.$disconnect();
	const away = Object.assign(new Error("Can't reach database server at secret-host:5432"), { code: "P1001" });
	jest.spyOn(api.app.prisma, "$transaction").mockRejectedValue(away);
	const { status, headers, body } = await api.call("GET", "/experiments");
	expect([status, body.code, headers["retry-after"]]).toEqual([503, "unavailable", "2"]);
	expect(JSON.stringify(body)).not.toContain("secret-host");
});
