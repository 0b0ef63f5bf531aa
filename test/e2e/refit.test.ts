// Refits in a real browser; what is trained ends when the test says so: the trainer is a fake, and there is no worker.
import { type Browser, chromium, type Page } from "playwright-core";
import { startApi, type TestApi } from "../support/api.js";

let api: TestApi;
let browser: Browser;
let page: Page;
let url: string;
let experiment: { id: string; runs: string[] };

beforeAll(async () => {
	api = await startApi();
	experiment = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu"],
	});
	page = await browser.newPage();
}, 90_000);
afterAll(async () => {
	await browser?.close();
	await api?.close();
});

test("a split-trained deployment says what it leaves out; the experiment offers the refit, and serves it once it is done", async () => {
	const best = experiment.runs[1] as string;
	await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(best) });
	await page.goto(`${url}/ui/deployments`);
	await page.getByText("It knows nothing of 9 interactions of validation and test, nor of 2 items").waitFor();
	await api.call("DELETE", "/deployments/default");

	await page.goto(`${url}/ui/experiments/${experiment.id}`);
	await page.getByRole("button", { name: "Deploy the best run" }).waitFor();
	await page.getByRole("button", { name: "Refit on all data, then deploy" }).click();
	await page.getByText("is 0 % done; default serves it then, if this page is still open.").waitFor();
	await page.getByRole("table", { name: "Refits" }).getByText("queued").waitFor();
	expect(await page.getByRole("table", { name: "Runs" }).getByRole("row").count()).toBe(3); // with its head

	const { id } = await api.app.prisma.run.findFirstOrThrow({ where: { refitOfId: best } });
	api.recommender.leftOut = { interactions: 0, items: 0 };
	await api.app.prisma.run.update({ where: { id }, data: { epoch: 1, bestEpoch: 1, bestSteps: 14 } });
	const key = `runs/${id}/epoch-00001`;
	const stored = { runId: id, epoch: 1, key, sha256: "b".repeat(64), bytes: 10, isBest: true, isLast: true };
	await api.app.prisma.checkpoint.create({ data: stored });
	await api.app.prisma.job.update({ where: { id }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
	await page.waitForURL(/\/users/, { timeout: 20_000 });
	expect((await api.call("GET", "/deployments/default")).body.checkpoint).toMatchObject({ runId: id, vouchedBy: best });

	await page.goto(`${url}/ui/deployments`);
	await page.getByRole("link", { name: "vouched for by the run that was tested" }).click();
	await page.getByRole("link", { name: "on all interactions, succeeded" }).click();
	const voucher = page.getByRole("region", { name: "Vouched for by" });
	await voucher.getByText("0.2100").waitFor();
	expect(await page.getByRole("region", { name: "Evaluations" }).count()).toBe(0);
	await page.getByRole("table", { name: "Checkpoints" }).getByText("serving as default").waitFor();
	await voucher.getByRole("link").click();
	await page.waitForURL(new RegExp(`/runs/${best}$`));
	await page.getByRole("button", { name: "Deploy the refit" }).waitFor();
}, 90_000);

test("whoever switches a deployment is offered the refit of what they chose", async () => {
	await page.goto(`${url}/ui/deployments`);
	await page.getByRole("combobox", { name: "Serve another checkpoint" }).click();
	const id = await api.checkpoint(experiment.runs[0] as string);
	await page.getByRole("option", { name: id.slice(-6) }).click();
	await page.getByRole("button", { name: "Refit on all data, then deploy" }).waitFor();
	await page.getByRole("button", { name: "Switch" }).waitFor();
}, 60_000);

test("a refit of the best is asked for when an experiment is launched", async () => {
	await page.goto(`${url}/ui/experiments/new?model=valid`);
	await page.getByRole("checkbox", { name: /^Refit the best run/ }).check();
	await page.getByRole("button", { name: "Launch" }).click();
	await page.waitForURL(/\/experiments\/[0-9a-f-]{36}$/);
	const { body } = await api.call("GET", `/experiments/${page.url().split("/").at(-1)}`);
	expect(body).toMatchObject({ refit: true, state: "QUEUED" });
}, 60_000);
