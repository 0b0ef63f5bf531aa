// A real api with something in it to ask about: the sample, a run, what is deployed, a feed.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@valence/client";
import { startStack } from "../../services/supervisor/src/stack.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";

const SETTINGS = { DATABASE_URL: "", REDIS_URL: "", HOST: "127.0.0.1", API_KEYS: "", LOG_LEVEL: "warn" };

export async function startFilled() {
	const home = mkdtempSync(join(tmpdir(), "valence-fuzz-"));
	const env = { ...SETTINGS, VALENCE_ARTIFACTS: join(home, "artifacts") };
	const stack = await startStack({ home, port: 0, env });
	const stop = async () => {
		await stack.stop();
		removeHomesIn(home);
	};
	try {
		await fill(stack.url);
	} catch (error) {
		await stop();
		throw error;
	}
	return { url: stack.url, logs: join(home, "logs"), stop };
}

async function fill(url: string): Promise<void> {
	const api = connect(url);
	const { id: dataset } = await api.post("/datasets/sample");
	const isDone = (state: string) => state === "SUCCEEDED";
	await until("the import", async () => isDone((await api.get("/datasets/{id}", { path: { id: dataset } })).state));
	const models = [{ model: "valid", params: { k: 2, epochs: 2 } }];
	const { runs } = await api.post("/experiments", { body: { dataset, models } });
	const path = { id: runs[0]?.id as string };
	const run = await until("the run", async () => {
		const now = await api.get("/runs/{id}", { path });
		return isDone(now.state) && now;
	});
	const checkpoint = run.checkpoints.find(({ isBest }) => isBest)?.id as string;
	await api.put("/feeds/{name}", { path: { name: "shop" } });
	await api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint } });
}
