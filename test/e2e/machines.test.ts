// Machines on the dashboard: what each has and works at, drained and taken back, and the class that a launch may ask for.
import { randomUUID } from "node:crypto";
import type { TestApi } from "../support/api.js";
import { type Pages, PHONE, startPages } from "./pages.js";

const GIB = 2 ** 30;

let pages: Pages;
let api: TestApi;
let run: string;

beforeAll(async () => {
	pages = await startPages({ MACHINE_CLASSES: "cpu-large" });
	api = pages.api;
	const { runs } = await api.experiment(["RUNNING", "QUEUED"]);
	run = runs[0] as string;
	await api.app.prisma.job.update({ where: { id: run }, data: { machine: "gpu-1", machineClass: "gpu" } });
	const cpu = { kind: "cpu", name: "AMD EPYC 9354 32-Core Processor", memoryBytes: 64 * GIB };
	const gpu = { kind: "cuda", name: "NVIDIA H100 80GB HBM3", memoryBytes: 79 * GIB };
	const versions = { valence: "0.1.0", torch: "2.13.0", python: "3.13.1", node: "24.0.0" };
	const common = { memoryBytes: 64 * GIB, versions, slots: 2 };
	await api.app.prisma.machine.createMany({
		data: [
			{ ...common, name: "cpu-1", class: "cpu", devices: [cpu], instance: null },
			{ ...common, name: "gpu-1", class: "gpu", devices: [cpu, gpu], instance: randomUUID() },
		],
	});
}, 120_000);
afterAll(() => pages?.close(), 60_000);

test("each machine is shown with what it works at; one is drained and taken back", async () => {
	const page = await pages.open("/machines", { colorScheme: "light" });
	const row = page.getByRole("row", { name: /gpu-1/ });
	await row.getByText("1 of 2").waitFor();
	await row.getByText("NVIDIA H100 80GB HBM3").waitFor();
	await page.getByRole("row", { name: /cpu-1/ }).getByText("gone").waitFor();
	await pages.picture(page, "machines-light");
	await row.getByRole("button", { name: "Drain" }).click();
	await page.getByRole("dialog", { name: "Drain gpu-1?" }).getByRole("button", { name: "Drain" }).click();
	await row.getByText("draining").waitFor();
	expect((await api.call("GET", "/machines/gpu-1")).body.state).toBe("draining");
	await row.getByRole("button", { name: "Resume" }).click();
	await row.getByText("ready").waitFor();
	await row.getByRole("link", { name: "valid, run" }).click();
	await page.getByText("gpu-1, only machines of class gpu").waitFor();
	await pages.picture(page, "machines-run");
}, 60_000);

test("a launch may ask for a class, also for one that has no machine yet", async () => {
	const page = await pages.open("/experiments/new");
	await page.getByRole("combobox", { name: "Machines" }).click();
	await page.getByRole("option", { name: "of class cpu-large" }).waitFor();
	await page.getByRole("option", { name: "of class gpu" }).click();
	await pages.picture(page, "machines-launch");
	const sent = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/experiments"));
	await page.getByRole("button", { name: "Launch" }).click();
	expect((await sent).postDataJSON().class).toBe("gpu");
}, 60_000);

test("on a phone and in the dark nothing is cut off", async () => {
	for (const [name, options] of [
		["machines-dark", { colorScheme: "dark" }],
		["machines-phone", { ...PHONE, colorScheme: "light" }],
	] as const) {
		const page = await pages.open("/machines", options);
		await page.getByText("gpu-1").first().waitFor();
		const cut = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
		expect([name, cut]).toEqual([name, 0]);
		await pages.picture(page, name);
	}
}, 60_000);
