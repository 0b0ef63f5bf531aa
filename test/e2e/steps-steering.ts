import type { Valence } from "./valence.js";

/** A person is found, sees what moves their list, keeps what they like of it, and takes it back. */
export function steeringSteps(valence: Valence) {
	const recommended = () =>
		valence.api.get("/users/{id}/recommendations", { path: { id: "user-0042" }, query: { n: 20 } });
	const list = () => valence.page.getByRole("table", { name: "Recommended to user-0042" });
	const moves = () => valence.page.getByRole("status").filter({ hasText: /^\d+ comes? in, \d+ go(es)? out\.$/ });

	it("finds a user and shows what is recommended, coloured by interest, with interests and history", async () => {
		const { page } = valence;
		await valence.open("/users");
		await page.getByRole("table", { name: "Users" }).waitFor();
		await page.getByLabel("Find a user").fill("user-004");
		await page.getByRole("status").filter({ hasText: "10 users" }).waitFor();
		expect(await page.getByRole("table", { name: "Users" }).getByRole("row").count()).toBe(11);
		await page.getByLabel("Find a user").fill("user-0042");
		await page.getByLabel("Find a user").press("Enter");
		await list().waitFor();
		expect(await list().getByRole("row").count()).toBe(21);
		expect(
			await list()
				.getByRole("img", { name: / [\d.]+\s%, .* [\d.]+\s%$/ })
				.count(),
		).toBe(20);
		await page.getByRole("heading", { name: /^History, \d+ items$/ }).waitFor();
		const met = page.getByRole("table", { name: "All they have met" });
		await met.getByText("unknown").first().waitFor();
		expect(await met.getByText(/^held back for test$/).count()).toBeGreaterThan(0);
		expect(await page.getByRole("radiogroup", { name: /^How much of / }).count()).toBe(2);

		await page.goBack();
		await page.getByRole("status").filter({ hasText: "1 user" }).waitFor();
		await page.getByRole("button", { name: "Random user" }).click();
		await page.getByRole("heading", { name: /^Recommended to user-\d{4}$/ }).waitFor();
		await page.getByRole("navigation", { name: "Recently shown" }).getByRole("link", { name: "user-0042" }).click();
		await list().waitFor();
	}, 60_000);

	it("finds items by words of their titles, and what is like them", async () => {
		const { page } = valence;
		await valence.open("/users");
		await page.getByRole("tab", { name: "Items" }).click();
		await page.getByLabel("Find an item").fill("brea ry");
		await page
			.getByRole("status")
			.filter({ hasText: /^\d{1,2} items$/ })
			.waitFor();
		const found = page.getByRole("table", { name: "Items" }).getByRole("link", { name: /Rye bread/ });
		const title = (await found.first().textContent()) ?? "";
		await found.first().click();
		await page.getByRole("heading", { name: title, exact: true }).waitFor();
		const similar = page.getByRole("table", { name: `Items like ${title}` });
		await similar.waitFor();
		expect(await similar.getByRole("row").count()).toBe(21);
	}, 60_000);

	it("previews what muting an interest moves, before anything is kept", async () => {
		const { page } = valence;
		const before = (await recommended()).items.map(({ id }) => id);
		await valence.open("/users?id=user-0042");
		await page
			.getByRole("radiogroup", { name: /^How much of / })
			.first()
			.getByText("Mute")
			.click();
		await moves().waitFor();
		expect(new URL(page.url()).searchParams.get("weights")).toBe("0-1");
		const entered = await page.getByText("comes in", { exact: true }).count();
		expect(await moves().textContent()).toBe(`${entered} come in, ${entered} go out.`);
		await page.getByRole("region", { name: "What changes" }).getByText(`Goes out, ${entered}`).waitFor();
		expect((await recommended()).items.map(({ id }) => id)).toEqual(before);
		expect((await recommended()).steering).toBeUndefined();

		await page.goBack();
		await moves().waitFor({ state: "detached" });
		expect(await page.getByRole("button", { name: "Keep" }).count()).toBe(0);
	}, 60_000);

	it("keeps what steers a list, says so, and takes it back", async () => {
		const { page } = valence;
		const before = (await recommended()).items.map(({ id }) => id);
		await valence.open("/users?id=user-0042&weights=0-1");
		await moves().waitFor();
		await page.getByRole("combobox", { name: "Keep for" }).selectOption("until undone");
		await page.getByRole("button", { name: "Keep" }).click();
		const kept = page.getByRole("region", { name: "Kept" });
		await kept.getByText(/^Kept until undone\. .+: muted\.$/).waitFor();
		const now = await recommended();
		expect(now.steering).toMatchObject({ kept: true, weights: [0, 1] });
		expect(await list().getByRole("row").nth(1).textContent()).toContain(now.items[0]?.id);

		await kept.getByRole("button", { name: "Undo" }).click();
		await kept.waitFor({ state: "detached" });
		expect(await page.evaluate("document.activeElement.textContent")).toBe("Interests");
		expect((await recommended()).items.map(({ id }) => id)).toEqual(before);
	}, 60_000);

	it("is steered by the keyboard alone, to any weight", async () => {
		const { page } = valence;
		await valence.open("/users?id=user-0042");
		const levels = page.getByRole("radiogroup", { name: /^How much of / }).first();
		await levels.getByRole("radio", { name: "Normal" }).focus();
		await page.keyboard.press("ArrowRight");
		await page.waitForURL(/weights=2-1$/);
		await page.keyboard.press("Tab");
		await page.keyboard.press("Enter");
		await page.keyboard.press("Tab");
		await page.keyboard.press("ArrowRight");
		await page.waitForURL(/weights=2\.25-1$/);
		await page.getByRole("button", { name: "Reset" }).focus();
		await page.keyboard.press("Enter");
		await page.waitForURL(/\/users\/user-0042$/);
	}, 60_000);

	it("shows what if the history were another, and a shelf an interest", async () => {
		const { page } = valence;
		await valence.open("/users?id=user-0042");
		const history = page.getByRole("table", { name: "History" });
		await history.getByRole("checkbox").first().uncheck();
		await page.getByRole("combobox", { name: "Today's basket" }).fill("item-0013");
		await page.getByRole("option", { name: "item-0013" }).click();
		await page.waitForURL(/without=item-\d{4}&with=item-0013$/);
		await page
			.getByRole("status")
			.filter({ hasText: /comes? in/ })
			.waitFor();
		// Only weights are kept.
		expect(await page.getByRole("button", { name: "Keep" }).count()).toBe(0);
		await page.getByRole("button", { name: "Reset" }).click();
		expect(await history.getByRole("checkbox").first().isChecked()).toBe(true);
		await page.getByText("Shelves", { exact: true }).click();
		const shelves = page.getByRole("region", { name: /^Shelf of / });
		await shelves.nth(1).getByRole("listitem").nth(9).waitFor();
		expect(await shelves.count()).toBe(2);
	}, 60_000);

	it("leaves out what has a tag", async () => {
		const { page } = valence;
		const best = (await recommended()).items[0]?.id;
		const { tags } = await valence.api.get("/items/{id}", { path: { id: best as string } });
		await valence.open("/users?id=user-0042");
		await list().getByText(`${best}`, { exact: true }).waitFor();
		await page.getByText("Filter by tags").click();
		const field = page.getByRole("combobox", { name: "None of these tags" });
		await field.fill(tags[0] ?? "");
		await field.press("Enter");
		await page.waitForURL(new RegExp(`noTag=${tags[0]}$`));
		await list().getByText(`${best}`, { exact: true }).waitFor({ state: "detached" });
		expect(await list().getByRole("row").count()).toBe(21);
	}, 60_000);

	it("recommends to somebody never seen, and lets them steer", async () => {
		const { page, complaints } = valence;
		const before = complaints.length;
		await valence.open("/users?view=new");
		await page.getByText("Paste ids").click();
		await page.getByLabel("Ids, separated by commas or lines").fill("item-0001, item-0013\nno-such-item");
		await page.getByRole("button", { name: "Add" }).click();
		await page.getByText("Not known and left out: no-such-item").waitFor();
		expect(await page.getByRole("table", { name: "Recommended" }).getByRole("row").count()).toBe(21);
		await page
			.getByRole("radiogroup", { name: /^How much of / })
			.first()
			.getByText("Mute")
			.click();
		await moves().waitFor();
		// The browser itself logs that no title is found for an unknown id.
		for (const text of complaints.splice(before)) expect(text).toContain("404");
	}, 60_000);

	it("offers no steering where a model tells no interests apart, and says so", async () => {
		const { page } = valence;
		const { items } = await valence.api.get("/checkpoints", { query: { model: "popularity" } });
		await valence.api.put("/deployments/{name}", {
			path: { name: "plain" },
			body: { checkpoint: items[0]?.id as string },
		});
		await valence.open("/users?id=user-0042&deployment=plain");
		await page.getByText("popularity does not tell interests apart, so there is nothing to steer by.").waitFor();
		await list().waitFor();
		expect(await page.getByRole("radiogroup").count()).toBe(0);
		await valence.api.delete("/deployments/{name}", { path: { name: "plain" } });
	}, 60_000);
}
