import pg from "pg";
import { until } from "../support/processes.js";
import type { Valence } from "./valence.js";

const NAME = "renewed";
const FEED = "renewing";
const GROUPS = 4;
const ITEMS = 10;
const USERS = 40;

/** Whoever is of a group meets its items alone, each in an order of their own. */
const rows = Array.from({ length: USERS * ITEMS }, (_, index) => {
	const [user, place] = [index % USERS, Math.floor(index / USERS)];
	const group = user % GROUPS;
	return {
		user: `p${user}`,
		item: `g${group}-${(place * 3 + user) % ITEMS}`,
		at: Date.now() - (ITEMS * USERS - index) * 60_000,
	};
});

/** A deployment is told how to renew itself, switches, refuses what is not good enough, and goes back. */
export function refreshSteps(valence: Valence) {
	const region = () => valence.page.getByRole("region", { name: NAME, exact: true });
	const refreshes = () => valence.page.getByRole("table", { name: `Refreshes of ${NAME}` }).getByRole("row");
	const served = () => valence.api.get("/deployments/{name}", { path: { name: NAME } });

	it("saves a rule filled with what is deployed, and says it in a sentence", async () => {
		const { page, api } = valence;
		const { items } = await api.get("/checkpoints", { query: { model: "popularity", limit: 1 } });
		await api.put("/deployments/{name}", { path: { name: NAME }, body: { checkpoint: items[0]?.id as string } });
		await api.put("/feeds/{name}", { path: { name: FEED } });
		await api.post("/feeds/{name}/interactions", { path: { name: FEED }, body: rows });
		await valence.open("/deployments");
		await region().getByRole("button", { name: "Renew it by itself" }).click();
		const form = page.getByRole("form", { name: `Rule of ${NAME}` });
		await form.getByLabel("Feed").selectOption(FEED);
		await form.getByRole("combobox", { name: "Model" }).click();
		await page.getByRole("option", { name: /EASE/ }).first().click();
		await form.getByLabel("Every", { exact: true }).fill("6 hours");
		expect(await form.getByRole("button", { name: "Save rule" }).isDisabled()).toBe(true);
		await form.getByLabel("Every", { exact: true }).fill("6h");
		await form.getByRole("button", { name: "Save rule" }).click();
		await region()
			.getByText(/^Every 6 hours from feed renewing: EASE, served if Recall@20 is within 2\s% of what is served/)
			.waitFor();
		await region()
			.getByText(/400 new since the last snapshot/)
			.waitFor();
		const { spec } = await api.get("/deployments/{name}/refresh", { path: { name: NAME } });
		expect(spec).toMatchObject({ feed: FEED, model: "ease", rule: { split: { kind: "temporal" } }, seeds: [1] });
	}, 60_000);

	it("refreshes now, shown live, and serves what was trained; its own page has the numbers", async () => {
		const { page } = valence;
		await region().getByRole("button", { name: "Refresh now" }).click();
		const row = refreshes().nth(1);
		await row.getByRole("list", { name: "Steps" }).waitFor();
		await row.getByText("switched", { exact: true }).waitFor({ timeout: 120_000 });
		await region()
			.getByText(/^ease, epoch \d+$/)
			.first()
			.waitFor();
		const history = page.getByRole("table", { name: `History of ${NAME}` }).getByRole("row");
		await history.nth(1).getByRole("link", { name: "refreshed" }).click();
		await page.waitForURL(/\/refreshes\/[0-9a-f-]{36}$/);
		await page
			.getByRole("status")
			.getByText(/^Passed: recall@20 of the candidate is /)
			.waitFor();
		const numbers = page.getByRole("table", { name: "Numbers side by side" }).getByRole("row");
		expect(await numbers.count()).toBe(4);
		await numbers.filter({ hasText: "Candidate, EASE" }).waitFor();
		await page.getByRole("link", { name: "succeeded" }).click();
		await page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
		const { checkpoint, feed } = await served();
		expect([checkpoint.model, feed]).toEqual(["ease", FEED]);
	}, 180_000);

	it("shows day by day what has come of its answers, whole and by tier", async () => {
		const { page, api } = valence;
		const database = new pg.Client({ connectionString: valence.databaseUrl });
		await database.connect();
		try {
			// Of six people of a day two take their first item, of the next day's four; then both days are over.
			for (const [day, taking] of [2, 4].entries()) {
				for (let n = 0; n < 6; n++) {
					const user = `p${day * 6 + n}`;
					const { recommendationId, items } = await api.get("/users/{id}/recommendations", {
						path: { id: user },
						query: { deployment: NAME },
					});
					const [first] = items;
					if (n >= taking || !first || !recommendationId) continue;
					const body = [{ user, item: first.id, at: Date.now(), recommendationId }];
					await api.post("/feeds/{name}/interactions", { path: { name: FEED }, body });
				}
				const outcomes = () => api.get("/deployments/{name}/outcomes", { path: { name: NAME } });
				await until("the day's answers are written", async () => (await outcomes()).answered === (day + 1) * 6, 30);
				await database.query(`
					UPDATE answers SET at = at - interval '2 days' WHERE deployment_name = '${NAME}';
					UPDATE answer_hours SET hour = hour - interval '2 days' WHERE deployment_name = '${NAME}';
					UPDATE feed_interactions SET at = at - interval '2 days' WHERE recommendation_id IS NOT NULL;`);
			}
		} finally {
			await database.end();
		}
		await valence.open("/deployments");
		const outcomes = page.getByRole("region", { name: `Outcomes of ${NAME}` });
		await region().waitFor();
		// They are asked for once their place is in view, below what other deployments have.
		await until("the outcomes are in view", async () => {
			await page.evaluate("window.scrollBy(0, 300)");
			return outcomes.isVisible();
		});
		const row = outcomes.getByRole("table").getByRole("row").nth(1);
		await row.getByText(/^50\s?% \(/).waitFor();
		expect(await row.getByRole("cell").allTextContents()).toEqual(
			expect.arrayContaining(["12", "0", "6", expect.stringMatching(/^1\.0/)]),
		);
		// A point a day; of the line, not of the band.
		await outcomes.locator(".recharts-line-dot").first().waitFor();
		expect(await outcomes.locator(".recharts-line-dot").count()).toBe(2);
		await outcomes.getByText("By tier").click();
		expect(await outcomes.getByRole("table").getByRole("row").nth(1).getByRole("cell").first().textContent()).toMatch(
			/^(list|live)$/,
		);
	}, 120_000);

	it("refuses what does not reach the gate, and says why", async () => {
		const { page } = valence;
		const before = await served();
		await valence.open("/deployments");
		await region().getByRole("button", { name: "Edit" }).click();
		const form = page.getByRole("form", { name: `Rule of ${NAME}` });
		await form.getByLabel("Above popularity, %").fill("100000");
		await form.getByRole("button", { name: "Save changes" }).click();
		await region()
			.getByRole("button", { name: /^Refresh now/ })
			.click();
		const row = refreshes().nth(1);
		await row.getByText("refused", { exact: true }).waitFor({ timeout: 120_000 });
		await row.getByText(/^Refused: .* popularity has /).waitFor();
		expect((await served()).checkpoint.id).toBe(before.checkpoint.id);
	}, 180_000);

	it("pauses, goes back to what was served once it has said what that is, and forgets the rule", async () => {
		const { page, api } = valence;
		await region().getByRole("button", { name: "Pause" }).click();
		await region().getByText("Paused: nothing begins by itself.").waitFor();
		await region().getByRole("button", { name: "Roll back" }).first().click();
		const dialog = page.getByRole("dialog");
		await dialog.getByText(/^renewed serves ease, .* now\. From then on it serves popularity, /).waitFor();
		await dialog.getByLabel("Reason").fill("complaints");
		await dialog.getByRole("button", { name: "Roll back" }).click();
		const first = page
			.getByRole("table", { name: `History of ${NAME}` })
			.getByRole("row")
			.nth(1);
		await first.getByText("rolled back").waitFor({ timeout: 60_000 });
		await first.getByText("complaints").waitFor();
		expect((await served()).checkpoint.model).toBe("popularity");
		await region().getByRole("button", { name: "Delete rule" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Delete rule" }).click();
		await region().getByRole("button", { name: "Renew it by itself" }).waitFor();
		await api.delete("/deployments/{name}", { path: { name: NAME } });
	}, 120_000);
}
