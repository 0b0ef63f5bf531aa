import type { Valence } from "./valence.js";

const FEED = "shop";
const NEWCOMER = "newcomer";

/** What is served takes a feed: who only the feed knows is found, answered and shown, with new items; and gives it back. */
export function servedSteps(valence: Valence) {
	const choose = async (feed: string) => {
		const { page } = valence;
		await valence.open("/deployments");
		const field = page.getByRole("region", { name: "default" }).getByLabel("Today's history");
		await Promise.all([
			page.waitForResponse((answer) => answer.url().endsWith("/deployments/default/feed") && answer.ok()),
			field.selectOption({ label: feed }),
		]);
	};

	it("serves with a feed without another checkpoint, and the feed says so", async () => {
		const { page, api } = valence;
		const before = await api.get("/deployments/{name}", { path: { name: "default" } });
		await choose(FEED);
		await page.getByRole("region", { name: "default" }).getByRole("link", { name: FEED, exact: true }).click();
		await page.waitForURL(/\/feeds\/shop$/);
		const uses = page.getByRole("region", { name: "What it serves" });
		await uses.getByRole("link", { name: /^default, / }).waitFor();
		await uses.getByRole("link", { name: /^shop / }).waitFor();
		const now = await api.get("/deployments/{name}", { path: { name: "default" } });
		expect([now.feed, now.checkpoint.id, now.history.length]).toEqual([
			FEED,
			before.checkpoint.id,
			before.history.length,
		]);
	}, 60_000);

	it("finds and answers who only the feed knows, with new items, and marks what is live and what the model does not know", async () => {
		const { page, api } = valence;
		const { items: all } = await api.get("/items", { query: { limit: 200 } });
		const items = all.slice(0, 3);
		const [liked] = items;
		// Whatever the model makes of them, it is of their tags.
		const tags = [...new Set(all.flatMap((item) => item.tags))].slice(0, 100);
		await api.put("/feeds/{name}/items", {
			path: { name: FEED },
			body: { items: [{ item: "brand-new", title: "Brand new", tags }] },
		});
		await api.post("/feeds/{name}/interactions", {
			path: { name: FEED },
			body: [...items.map(({ id }) => id), "thing-1"].map((item, index) => ({
				user: NEWCOMER,
				item,
				at: Date.now() - 60_000 * (4 - index),
			})),
		});
		await valence.open("/users");
		await page.getByLabel("Find a user").fill("newc");
		await page.getByRole("row", { name: /newcomer .*of the feed alone/ }).waitFor();
		await page.getByRole("link", { name: NEWCOMER }).click();
		await page.getByText(`${NEWCOMER} is known by what they did in the feed ${FEED} alone.`).waitFor();
		const met = page.getByRole("table", { name: "All they have met" });
		const rows = met.getByRole("row");
		await rows.filter({ hasText: "thing-1" }).getByText("not known to the model").waitFor();
		await rows
			.filter({ hasText: liked?.title ?? liked?.id ?? "" })
			.getByText(`live, in ${FEED}`)
			.first()
			.waitFor();
		expect(await met.getByText("not known to the model").count()).toBe(1);
		await page.getByLabel("New items, at most").fill("2");
		await page.waitForURL(/fresh=2/);
		// A model of a few steps may know no tag that tells what somebody likes: the answer says that then.
		const told = page.getByRole("status").filter({ hasText: /^(1 new item|New items: none: no tag tells .*)$/ });
		await told.waitFor();
		const isMixed = (await told.textContent()) === "1 new item";
		const fresh = page
			.getByRole("table", { name: `Recommended to ${NEWCOMER}` })
			.getByRole("row", { name: /Brand new .*new/ });
		expect(await fresh.count()).toBe(isMixed ? 1 : 0);
	}, 60_000);

	it("offers the feed of a snapshot where a run on it is deployed", async () => {
		const { page, api } = valence;
		await choose("no feed");
		const { items } = await api.get("/datasets");
		const dataset = items.find(({ feed }) => feed?.name === FEED)?.id as string;
		const { id } = await api.post("/experiments", { body: { dataset, models: [{ model: "popularity" }] } });
		const state = async () => (await api.get("/experiments/{id}", { path: { id } })).state;
		for (const until = Date.now() + 60_000; (await state()) !== "SUCCEEDED" && Date.now() < until; )
			await page.waitForTimeout(200);
		await valence.open(`/experiments/${id}`);
		const field = page.getByLabel("With today's history of");
		await field.waitFor();
		expect(await field.inputValue()).toBe(FEED);
		await page
			.getByRole("link", { name: /^popularity/ })
			.first()
			.click();
		await page.getByLabel("Deploy as").fill("of-feed");
		expect(await field.inputValue()).toBe(FEED);
		await page.getByRole("button", { name: "Deploy", exact: true }).first().click();
		await page.waitForURL(/\?deployment=of-feed$/, { timeout: 60_000 });
		expect((await api.get("/deployments/{name}", { path: { name: "of-feed" } })).feed).toBe(FEED);
		// Nothing is left that still asks it.
		await page.getByRole("heading", { name: "All they have met" }).waitFor();
		await valence.open("/deployments");
		await page.getByRole("region", { name: "of-feed", exact: true }).waitFor();
		await api.delete("/deployments/{name}", { path: { name: "of-feed" } });
	}, 120_000);
}
