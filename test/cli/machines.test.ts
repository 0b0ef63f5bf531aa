// valence machines: what is listed, drained and taken back, and the class that train asks for.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../support/api.js";
import { commandLine } from "../support/command-line.js";

let api: TestApi;
let url: string;
const cli = commandLine();
const valence = (...args: string[]) => cli.valence(args, { VALENCE_URL: url });
beforeAll(async () => {
	api = await startApi({ MACHINE_CLASSES: "cpu-large" });
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => api.close());

test("machines are listed with what they work at, drained, and taken back", async () => {
	const none = (await valence("machines")).stdout;
	expect(none).toContain("No machine is there");
	expect(none).toContain("have no machine now: cpu-large");
	const { runs } = await api.experiment(["RUNNING"]);
	await api.app.prisma.job.update({ where: { id: runs[0] as string }, data: { machine: "gpu-1" } });
	await api.app.prisma.machine.create({
		data: {
			...{ name: "gpu-1", class: "gpu", slots: 2, memoryBytes: 2 ** 34, instance: randomUUID() },
			devices: [{ kind: "cuda", name: "a GPU", memoryBytes: 2 ** 33 }],
			versions: { valence: "0.1.0", torch: "2.13.0", python: "3.13.1", node: "24.0.0" },
		},
	});
	const run = (runs[0] as string).slice(0, 8);
	expect((await valence("machines")).stdout).toMatch(new RegExp(`gpu-1 +gpu +ready +a GPU .* 1 of 2 +valid ${run}`));
	const drained = await valence("machines", "drain", "gpu-1");
	expect([drained.status, drained.stdout]).toEqual([0, expect.stringContaining("it still does 1 job")]);
	expect((await valence("machines", "list")).stdout).toMatch(/gpu-1 +gpu +draining/);
	expect((await valence("machines", "resume", "gpu-1")).stdout).toContain("takes work again");
	const unknown = await valence("machines", "drain", "gpu-2");
	expect([unknown.status, unknown.stderr]).toEqual([3, expect.stringContaining("no machine with this name")]);
}, 60_000);

test("a run may ask for a class, and says which machine it needs and has", async () => {
	await api.dataset();
	const wrong = await valence("train", "popularity", "--class", "tpu");
	expect([wrong.status, wrong.stderr]).toEqual([3, expect.stringContaining("gpu")]);
	const asked = await valence("train", "popularity", "--class", "gpu", "--json");
	const { id } = JSON.parse(asked.stdout).runs[0];
	await api.app.prisma.machine.update({ where: { name: "gpu-1" }, data: { instance: null } });
	expect((await valence("runs", id)).stdout).toMatch(/machine +waits: no machine of class gpu is there/);
	await api.app.prisma.job.update({ where: { id }, data: { state: "RUNNING", machine: "gpu-1" } });
	expect((await valence("runs", id)).stdout).toMatch(/machine +gpu-1, of class gpu/);
}, 60_000);
