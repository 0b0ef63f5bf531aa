// What a model with a linear path recommends, on the pages of users, guests and tested users: the real api and browser, over a fake recommender.
import { type Browser, chromium, type Page } from "playwright-core";
import { startApi, type TestApi } from "../support/api.js";
import { WORLD } from "../support/fake-recommender.js";
import { CHROMIUM, FLAGS } from "./valence.js";

let api: TestApi;
let url: string;
let browser: Browser;
let page: Page;
const GOES = "Goes with what you have";
beforeAll(async () => {
	api = await startApi();
	// The first goes with what they have, the second is of an interest alone, the third more of one than of the path.
	api.recommender.world = () => ({ ...WORLD, linear: (column) => [0.6, 0, 0.25][column] ?? 0 });
	const run = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(run) });
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
	page = await browser.newPage();
}, 60_000);
afterAll(async () => {
	await browser?.close();
	await api.close();
});

it("a user's items say what they go with, and a card how much of the list that is", async () => {
	await page.goto(`${url}/ui/users?id=u1`);
	const list = page.getByRole("table", { name: "Recommended to u1" });
	const bars = list.getByRole("img", { name: new RegExp(`, ${GOES} [\\d.]+\\s%$`) });
	await bars.first().waitFor();
	const named = await bars.evaluateAll((found) => found.map((one) => one.getAttribute("aria-label")));
	expect(named.map((one) => one?.split(GOES)[1]?.trim())).toEqual(["60\u00a0%", "0\u00a0%", "25\u00a0%"]);
	expect(await list.getByText(GOES, { exact: true }).count()).toBe(1);
	expect(await list.getByText("goes with Seen before").count()).toBe(1);
	expect(await list.getByText("because of Seen before").count()).toBe(2);
	await page
		.getByRole("region", { name: GOES })
		.getByText(/^28\s% of the list$/)
		.waitFor();
	// It stands beside the interests, and no weight is asked for it.
	expect(await page.getByRole("radiogroup", { name: /^How much of / }).count()).toBe(2);
});

it("a guest's too", async () => {
	await page.goto(`${url}/ui/users?view=new&with=seen`);
	await page.getByRole("table", { name: "Recommended" }).getByText("goes with Seen before").waitFor();
	await page.getByRole("region", { name: GOES }).waitFor();
});

it("a tested user's top items too, and that the test ranked by more than their interests", async () => {
	api.recommender.met = [{ id: "a", title: "A", part: "test" }];
	const run = (await api.experiment(["SUCCEEDED"], { model: "valiant" })).runs[0] as string;
	await page.goto(`${url}/ui/runs/${run}/users/u1`);
	const tested = page.getByRole("region", { name: /^Interests by valiant/ });
	await tested.getByText("The test ranked by the model's linear path as well").waitFor();
	// Of the one item on top of either interest; what the history has is of interests alone.
	const bars = tested.getByRole("img", { name: new RegExp(`, ${GOES} 25\\s%$`) });
	expect([await bars.count(), await tested.getByRole("img").count()]).toEqual([2, 3]);
});

it("of a model without such a path nothing speaks of it", async () => {
	api.recommender.world = () => WORLD;
	const run = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	await api.call("PUT", "/deployments/plain", { checkpoint: await api.checkpoint(run) });
	await page.goto(`${url}/ui/users?deployment=plain&id=u1`);
	await page.getByRole("table", { name: "Recommended to u1" }).getByText("because of Seen before").first().waitFor();
	expect(await page.getByText(/goes with/i).count()).toBe(0);
});
