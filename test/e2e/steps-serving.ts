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
		await page.getByRole("button", { name: "Deploy" }).first().click();
		await page.getByRole("table", { name: "Checkpoints" }).getByText("serving as default").waitFor({ timeout: 60_000 });
	}, 90_000);

	it("shows what is recommended to a user, coloured by interest, with interests and history", async () => {
		const { page } = valence;
		await valence.open("/users");
		await page.getByLabel("User id").fill("user-0042");
		await page.getByRole("button", { name: "Show" }).click();
		const ranking = page.getByRole("table", { name: "Recommended to user-0042" });
		await ranking.waitFor();
		expect(await ranking.getByRole("row").count()).toBe(21);
		expect(await ranking.getByRole("img", { name: /^Interest 1 \d.*, Interest 2 \d/ }).count()).toBe(20);
		await page.getByRole("heading", { name: /^History, \d+ items$/ }).waitFor();
		expect(await page.getByText("Top items").count()).toBe(2);
	}, 60_000);

	it("recommends to somebody never seen", async () => {
		const { page } = valence;
		await valence.open("/users");
		await page.getByRole("tab", { name: "New user" }).click();
		await page.getByLabel("Items they like").fill("item-0001\nitem-0013\nno-such-item");
		await page.getByRole("button", { name: "Recommend" }).click();
		await page.getByText("Not known and left out: no-such-item").waitFor();
		expect(await page.getByRole("table", { name: "Recommended" }).getByRole("row").count()).toBe(21);
	}, 60_000);

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
		const { items } = await valence.ask<{ items: { runId: string }[] }>("/checkpoints?model=valid");
		await valence.open(`/runs/${items[0]?.runId}`);
		await page.getByRole("combobox", { name: "Split" }).click();
		await page.getByRole("option", { name: "valid", exact: true }).click();
		await page.getByRole("button", { name: "Evaluate" }).click();
		const evaluations = page.getByRole("table", { name: "Evaluations" });
		await evaluations.getByText("succeeded").waitFor({ timeout: 60_000 });
		await evaluations.getByRole("columnheader", { name: "Recall@20" }).waitFor();
	}, 90_000);

	it("switches a deployment and rolls it back", async () => {
		const { page } = valence;
		await valence.open("/deployments");
		await page.getByRole("combobox", { name: "Serve another checkpoint" }).click();
		await page
			.getByRole("option", { name: /^popularity/ })
			.first()
			.click();
		await page.getByRole("button", { name: "Switch" }).click();
		await page.getByText("default serves popularity, epoch 1").waitFor({ timeout: 60_000 });
		await page.getByRole("button", { name: "Serve this again" }).first().click();
		await page.getByText(/^default serves valid/).waitFor({ timeout: 60_000 });
	}, 120_000);

	it("answers a wrong address and an unknown id with words", async () => {
		const { page, complaints } = valence;
		await valence.open("/no-such-page");
		await page.getByText("There is no such page").waitFor();
		const before = complaints.length;
		await valence.open("/users?id=nobody");
		await page.getByRole("alert").getByText("no such user").waitFor();
		// The browser itself logs an answer of 404, once for the ranking and once for the interests.
		await page.waitForTimeout(500);
		for (const text of complaints.splice(before)) expect(text).toContain("404");
	}, 60_000);
}
