import { readFileSync } from "node:fs";
import { until } from "../support/processes.js";
import { steeringSteps } from "./steps-steering.js";
import { HOSTILE, type Valence } from "./valence.js";

/** From a checkpoint to recommendations, and back to another checkpoint. */
export function servingSteps(valence: Valence) {
	it("deploys from the run's page, which shows configuration, curves and log", async () => {
		const { page } = valence;
		await valence.open("/experiments");
		await page.getByRole("link", { name: /^valid on/ }).click();
		await page.getByRole("link", { name: /^valid .*seed 1$/ }).click();
		await page
			.getByRole("log")
			.getByText(/epoch 2 .*train\.loss \d/)
			.waitFor();
		await page.getByRole("log").getByText("cancelled").waitFor();
		await page.getByRole("region", { name: "Configuration" }).getByText("learning_rate").waitFor();
		await page.getByRole("figure", { name: "Training loss" }).locator(".recharts-line-curve").waitFor();
		await page.getByText("Nothing is served as default yet.").waitFor();
		const run = page.url();
		await page.getByRole("button", { name: "Deploy", exact: true }).first().click();
		await page.waitForURL(/\/users\/user-\d+\?deployment=default$/, { timeout: 60_000 });
		await page.getByRole("heading", { name: /^Recommended to user-\d+$/ }).waitFor();
		await page.goto(run);
		await page.getByRole("table", { name: "Checkpoints" }).getByText("serving as default").waitFor();
		await page.getByText(/^default serves valid, epoch \d+, of .* on sample now\.$/).waitFor();
	}, 90_000);

	steeringSteps(valence);

	it("shows ids as text, whatever they hold", async () => {
		const { page } = valence;
		await valence.open(`/users?id=${encodeURIComponent(HOSTILE)}`);
		await page.getByRole("heading", { name: `Recommended to ${HOSTILE}` }).waitFor();
		await valence.open("/users?id=user-0001");
		await page.getByRole("table", { name: "History" }).getByText(HOSTILE).waitFor();
		expect(await page.locator('img[src="x"]').count()).toBe(0);
		expect(await page.evaluate("window.breached")).toBeUndefined();
	}, 60_000);

	it("measures a checkpoint under another rule", async () => {
		const { page } = valence;
		const { items } = await valence.api.get("/checkpoints", { query: { model: "valid" } });
		await valence.open(`/runs/${items[0]?.runId}`);
		await page.getByRole("combobox", { name: "Split" }).click();
		await page.getByRole("option", { name: "valid", exact: true }).click();
		await page.getByRole("button", { name: "Evaluate" }).click();
		const evaluations = page.getByRole("table", { name: "Evaluations" });
		await evaluations.getByText("succeeded").waitFor({ timeout: 60_000 });
		await evaluations.getByRole("columnheader", { name: "Recall@20" }).waitFor();
	}, 90_000);

	it("shows what was measured of each user: sorted, of one, and as a file; and of groups of them", async () => {
		const { page } = valence;
		const { items } = await valence.api.get("/experiments", { query: { state: "SUCCEEDED", model: "valid" } });
		const { runs } = await valence.api.get("/experiments/{id}", { path: { id: items[0]?.id as string } });
		await valence.open(`/runs/${runs.find(({ model }) => model === "valid")?.id}`);
		const users = page.getByRole("table", { name: "Values of users" });
		await users.getByRole("button", { name: "Recall@20" }).click();
		await page.waitForURL(/sort=recall%4020&order=desc/);
		const column = async () => (await users.locator("tbody tr td:nth-child(4)").allTextContents()).map(Number);
		await until("they are sorted", async () => {
			const values = await column();
			return values.length === 25 && values.every((value, place) => place === 0 || value <= (values[place - 1] ?? 0));
		});
		await page.getByRole("link", { name: "Next" }).click();
		await page.waitForURL(/cursor=/);
		await page.getByLabel("One user").fill("user-0001");
		await page.getByRole("button", { name: "Find" }).click();
		await page.waitForURL(/user=user-0001/);
		await until("only they are there", async () => (await column()).length === 1);
		expect(await users.getByRole("link", { name: "user-0001" }).getAttribute("href")).toMatch(
			/\/runs\/[0-9a-f-]{36}\/users\/user-0001$/,
		);
		const [file] = await Promise.all([
			page.waitForEvent("download"),
			page.getByRole("link", { name: "Download CSV" }).click(),
		]);
		expect(readFileSync(await file.path(), "utf8")).toMatch(/^"user","history","items","recall@20",/);
		await page.getByRole("table", { name: "Users by activity" }).getByText("high").waitFor();
		await page.getByRole("button", { name: /^Copy or download: Users by activity, / }).waitFor();
	}, 60_000);

	it("shows how a deployment has answered, and the memory of its lists", async () => {
		const { page } = valence;
		await valence.open("/deployments");
		// A curve that does not change has no height, which Playwright takes for hidden: it is asked for its points. What was
		// asked in windows of which no two are neighbours has points and no line between them.
		const curve = (name: string, drawn: string) =>
			page
				.getByRole("figure", { name })
				.locator(`.recharts-line-curve[d${drawn}]`)
				.first()
				.waitFor({ state: "attached" });
		await curve("Requests a second", '*="L"');
		await curve("Milliseconds to answer", '^="M"');
		await page
			.getByRole("figure", { name: "Answered by" })
			.locator(".recharts-bar-rectangle path:visible")
			.first()
			.waitFor();
		const figure = async (name: string) =>
			(await page.locator("dl > div", { hasText: name }).locator("dd").textContent()) ?? "";
		expect(Number(await figure("Requests in 15 minutes"))).toBeGreaterThan(4);
		expect(await figure("Users with a list")).toMatch(/^[\d,]+ of [\d,]+$/);
		expect(await figure("Memory of lists")).toMatch(/ of \d+\.\d MiB$/);
		expect(await figure("p50 / p99, latest")).toMatch(/^[\d.]+ ms \/ [\d.]+ ms$/);
	}, 60_000);

	it("hides an item from everybody, and shows it again", async () => {
		const { page } = valence;
		const first = async () => {
			const { items } = await valence.api.get("/users/{id}/recommendations", {
				path: { id: "user-0042" },
				query: { n: 1 },
			});
			return items[0]?.id ?? "";
		};
		const best = await first();
		await valence.open("/deployments");
		await page.getByText("Hidden items, 0").click();
		const field = page.getByRole("combobox", { name: "Never recommended" });
		await field.fill(best);
		await page.getByRole("option", { name: best }).click();
		await page.getByText("Hidden items, 1").waitFor();
		expect(await first()).not.toBe(best);
		await field.press("Backspace");
		await page.getByText("Hidden items, 0").waitFor();
		expect(await first()).toBe(best);
	}, 60_000);

	it("answers unknown users with what most people like, where that is switched on", async () => {
		const { page } = valence;
		const toggle = async (isOn: boolean) => {
			await valence.open("/deployments");
			const control = page.getByRole("switch", { name: "Unknown users get what most people like", checked: !isOn });
			await Promise.all([page.waitForResponse((response) => response.url().endsWith("/fallback")), control.click()]);
			await page
				.getByRole("switch", { name: "Unknown users get what most people like", checked: isOn })
				.waitFor({ timeout: 10_000 });
		};
		await toggle(true);
		await valence.open("/users?id=nobody");
		await page.getByText("nobody is not in the data.").waitFor();
		expect(await page.getByRole("table", { name: "Recommended to nobody" }).getByRole("row").count()).toBe(21);
		await toggle(false);
	}, 60_000);

	it("switches a deployment and rolls it back", async () => {
		const { page } = valence;
		await valence.open("/deployments");
		await page.getByRole("combobox", { name: "Serve another checkpoint" }).click();
		await page
			.getByRole("option", { name: /^popularity/ })
			.first()
			.click();
		const confirm = async (name: string) => {
			const dialog = page.getByRole("dialog");
			await dialog.getByText("Replace what default serves with another model?").waitFor();
			await dialog.getByText(/^default serves .* now\. From then on it serves /).waitFor();
			await dialog.getByRole("button", { name }).click();
		};
		await page.getByRole("button", { name: "Switch" }).click();
		await confirm("Switch");
		await page.getByText("default serves popularity, epoch 1", { exact: true }).waitFor({ timeout: 60_000 });
		await page.getByRole("row", { name: /valid/ }).getByRole("button", { name: "Roll back" }).first().click();
		const dialog = page.getByRole("dialog");
		await dialog.getByText(/^default serves popularity, .* now\. From then on it serves valid, /).waitFor();
		await dialog.getByRole("button", { name: "Roll back" }).click();
		await page.getByText(/^default serves valid, epoch \d+$/).waitFor({ timeout: 60_000 });
	}, 120_000);

	it("exports everybody's recommendations as a file, downloads it and deletes it", async () => {
		const { page } = valence;
		await valence.open("/deployments");
		await page.getByRole("region", { name: "default" }).getByRole("link", { name: "Exports" }).click();
		await page.getByText("No export of default yet").waitFor();
		await page.getByLabel("Recommendations each").fill("3");
		await page.getByRole("checkbox", { name: "Explain" }).check();
		await page.getByRole("button", { name: "Export", exact: true }).click();
		const exports = page.getByRole("table", { name: "Exports" });
		await exports.getByText("3 each for everybody, explained").waitFor();
		await exports.getByText("succeeded").waitFor({ timeout: 60_000 });
		const [file] = await Promise.all([
			page.waitForEvent("download"),
			exports.getByRole("link", { name: "Download" }).click(),
		]);
		expect(file.suggestedFilename()).toMatch(/^default-\d{4}-\d\d-\d\d-[0-9a-f]{8}\.csv$/);
		const [header, ...rows] = readFileSync(await file.path(), "utf8")
			.trimEnd()
			.split("\n");
		expect(header).toMatch(/^"user","rank","item","title","score","interest_0".*,"because_2"$/);
		expect(rows.length).toBe(3 * 2_001);
		await exports.getByRole("button", { name: "Delete" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
		await page.getByText("No export of default yet").waitFor();
	}, 120_000);

	it("says what holds a dataset back, and deletes a deployment once it has said what stops being served", async () => {
		const { page, complaints } = valence;
		const { items } = await valence.api.get("/checkpoints", { query: { model: "valid" } });
		await valence.open(`/runs/${items[0]?.runId}`);
		await page.getByLabel("Deploy as").fill("trial");
		await page.getByRole("button", { name: "Deploy", exact: true }).first().click();
		await page.waitForURL(/\?deployment=trial$/, { timeout: 60_000 });
		await valence.open("/datasets");
		const before = complaints.length;
		await page.getByRole("button", { name: /^Delete with its \d+ experiments$/ }).click();
		await page
			.getByRole("dialog")
			.getByRole("button", { name: /^Delete with its/ })
			.click();
		await page.getByRole("alert").getByText('is served as "default" and "trial"').waitFor();
		await page.waitForTimeout(300);
		// The browser itself logs an answer of 409.
		for (const text of complaints.splice(before)) expect(text).toContain("409");

		await valence.open("/deployments");
		await page.getByRole("region", { name: "trial", exact: true }).getByRole("button", { name: "Delete" }).click();
		const dialog = page.getByRole("dialog");
		await dialog.getByText(/valid, epoch \d+, of .* stops being served/).waitFor();
		await dialog.getByRole("button", { name: "Delete" }).click();
		await page.getByRole("region", { name: "trial", exact: true }).waitFor({ state: "detached" });
		await page.getByRole("region", { name: "default", exact: true }).waitFor();
	}, 120_000);

	it("shows of a history what is deleted since", async () => {
		const { page } = valence;
		const model = { model: "popularity" };
		const { items: datasets } = await valence.api.get("/datasets");
		const { id } = await valence.api.post("/experiments", {
			body: { name: "Brief", dataset: datasets[0]?.id as string, models: [model] },
		});
		const state = async () => (await valence.api.get("/experiments/{id}", { path: { id } })).state;
		for (const until = Date.now() + 60_000; (await state()) !== "SUCCEEDED" && Date.now() < until; )
			await page.waitForTimeout(200);
		const { items } = await valence.api.get("/checkpoints", { query: { limit: 1 } });
		const { checkpoint } = await valence.api.get("/deployments/{name}", { path: { name: "default" } });
		for (const one of [items[0]?.id, checkpoint.id])
			await valence.api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint: one as string } });
		await valence.open(`/experiments/${id}`);
		await page.getByRole("button", { name: "Delete" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
		await page.waitForURL(/\/experiments$/);
		await valence.open("/deployments");
		const row = page.getByRole("table", { name: "History of default" }).getByRole("row", { name: /Brief/ });
		await row.first().waitFor();
		expect(await row.getByRole("cell").allTextContents()).toEqual(
			expect.arrayContaining(["popularity, epoch 1", expect.stringMatching(/^Brief, on /), "deleted", ""]),
		);
	}, 120_000);

	it("answers a wrong address and an unknown id with words", async () => {
		const { page, complaints } = valence;
		await valence.open("/no-such-page");
		await page.getByText("There is no such page").waitFor();
		const before = complaints.length;
		await valence.open("/users?id=nobody");
		await page.getByRole("alert").getByText("There is no such user").waitFor();
		// The browser itself logs an answer of 404.
		await page.waitForTimeout(500);
		for (const text of complaints.splice(before)) expect(text).toContain("404");
	}, 60_000);
}
