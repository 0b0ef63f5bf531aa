// A real S3 server of one test file, which may go away and come back; what is in it stays.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { freePort, isFree } from "../../services/supervisor/src/ports.js";
import { Process, until } from "./processes.js";

const WEED = resolve("services/trainer-py/.venv/bin/weed");
/** What SeaweedFS adds to each port for the one beside it. */
const GRPC_ABOVE = 10_000;
const SECONDS = 60;

export async function startObjectStore() {
	const folder = mkdtempSync(join(tmpdir(), "valence-s3-"));
	const ports = [];
	while (ports.length < 4) {
		const port = await freePort();
		if (port + GRPC_ABOVE < 65_536 && (await isFree(port + GRPC_ABOVE))) ports.push(port);
	}
	const [master, volume, filer, s3] = ports;
	const given = ["server", "-s3", "-dir", folder, "-ip", "127.0.0.1", "-ip.bind", "127.0.0.1"];
	given.push(`-master.port=${master}`, `-volume.port=${volume}`, `-filer.port=${filer}`, `-s3.port=${s3}`);
	given.push("-master.volumeSizeLimitMB=64", "-volume.max=100");
	// Doors that nobody asks for, on ports that another one on this machine may have.
	given.push("-s3.port.iceberg=0", "-s3.port.lance=0");
	const address = `http://127.0.0.1:${s3}`;
	const start = () => new Process("s3", WEED, given, {}, folder);
	let server = start();
	const makesBucket = () => fetch(`${address}/artifacts`, { method: "PUT" }).then(({ ok }) => ok);
	await until("the S3 server has a bucket", () => makesBucket().catch(() => false), SECONDS);
	return {
		url: "s3://artifacts/of/a/test",
		environment: {
			AWS_ENDPOINT_URL: address,
			AWS_ALLOW_HTTP: "true",
			AWS_ACCESS_KEY_ID: "any",
			AWS_SECRET_ACCESS_KEY: "any",
			AWS_REGION: "us-east-1",
		},
		goAway: () => server.end("SIGKILL"),
		async comeBack() {
			server = start();
			const lists = () => fetch(`${address}/artifacts?list-type=2`).then(({ ok }) => ok);
			await until("the S3 server lists its bucket", () => lists().catch(() => false), SECONDS);
		},
		async stop() {
			await server.end("SIGKILL");
			rmSync(folder, { recursive: true, force: true });
		},
	};
}
