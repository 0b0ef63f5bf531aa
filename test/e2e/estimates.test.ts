// What runs are said to take, on the dashboard: before they are launched, where no machine has room, and beside what they took.
import { DatasetStatistics } from "../../services/api/src/generated/proto/trainer/v1/trainer.js";
import type { TestApi } from "../support/api.js";
import { type Pages, PHONE, startPages } from "./pages.js";

const GIB = 2 ** 30;

let pages: Pages;
let api: TestApi;
let dataset: string;

beforeAll(async () => {
	pages = await startPages();
	api = pages.api;
	dataset = await api.dataset();
	const statistics: object = DatasetStatistics.fromPartial({ users: 100, items: 50, interactions: 1_000, train: 800 });
	await api.app.prisma.dataset.update({ where: { id: dataset }, data: { statistics } });
	const { runs } = await api.experiment(["SUCCEEDED"], { dataset });
	const [id] = runs as [string];
	await api.app.prisma.job.update({ where: { id }, data: { lease: 1, finishedAt: new Date() } });
	const config = { k: 4, tau: 0.1, attention: "none" };
	await api.app.prisma.run.update({ where: { id }, data: { config, epoch: 10, trainSeconds: 120 } });
	const cpu = { kind: "cpu", name: "a processor", memoryBytes: 8 * GIB };
	const machine = { name: "only", class: "cpu", devices: [cpu], memoryBytes: 8 * GIB, slots: 1, versions: {} };
	await api.app.prisma.machine.create({ data: machine });
}, 120_000);
afterAll(() => pages?.close(), 60_000);

test("the form says what runs take, and what no machine has room for before it is launched", async () => {
	const page = await pages.open(`/experiments/new?dataset=${dataset}&model=valid`, { colorScheme: "light" });
	const note = page.getByRole("note");
	await note.getByText("The run takes about 4.0 GiB of memory, and 12 s, like the last runs of this").waitFor();
	await page.locator("#launch-says").getByText("1 run, 12 s").waitFor();
	await pages.picture(page, "estimates-form");
	await page.getByLabel("k", { exact: true }).fill("16");
	await page.getByText("No machine has room for this").waitFor();
	await page.getByText("valid needs about 16.0 GiB of memory; the largest machine, only, has 8.0 GiB.").waitFor();
	await pages.picture(page, "estimates-refused");
	expect(await note.count()).toBe(0);
	await page.getByLabel("k", { exact: true }).fill("2");
	await note.getByText("The run takes about 2.0 GiB of memory, and 12 s, like the last runs of other").waitFor();
	expect(await page.getByText("No machine has room for this").count()).toBe(0);
}, 60_000);

test("a run's page has what was said beside what it took, on a phone and in the dark too", async () => {
	const { body } = await api.call("POST", "/experiments", { dataset, models: [{ model: "valid" }] });
	const [{ id }] = body.runs;
	await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
	const took = { trainSeconds: 50, peakMemoryBytes: 3 * GIB, device: "cpu", torchVersion: "2", codeVersion: "0" };
	await api.app.prisma.run.update({ where: { id }, data: took });
	for (const [name, options] of [
		["estimates-run-dark", { colorScheme: "dark" }],
		["estimates-run-phone", { ...PHONE, colorScheme: "light" }],
	] as const) {
		const page = await pages.open(`/runs/${id}`, options);
		await page.getByText("3.0 GiB, about 4.0 GiB estimated").waitFor();
		await page.getByText("50 s, 12 s estimated").waitFor();
		const cut = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
		expect([name, cut]).toEqual([name, 0]);
		await pages.picture(page, name);
	}
}, 60_000);
