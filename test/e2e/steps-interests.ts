import { until } from "../support/processes.js";
import type { Valence } from "./valence.js";

/** A tested run of a model that tells interests apart, with its experiment. */
export async function runWithInterests({ api }: Valence) {
	const { items } = await api.get("/experiments", { query: { state: "SUCCEEDED", model: "valid" } });
	const experiment = await api.get("/experiments/{id}", { path: { id: items[0]?.id as string } });
	const run = experiment.runs.find(({ model }) => model === "valid");
	return { experiment, run: run?.id as string };
}

/** From a run to one user of its dataset: their history by interest, beside what another model makes of it. */
export function interestSteps(valence: Valence) {
	it("groups the history of a user by interest, with the top items of each, beside another run", async () => {
		const { page, api } = valence;
		const { experiment, run } = await runWithInterests(valence);
		const { maskTest, cutoffs, metrics } = experiment.protocol;
		const other = await api.post("/experiments", {
			body: {
				dataset: experiment.dataset.id,
				models: [{ model: "macridvae", params: { k: 3, epochs: 1 } }],
				protocol: { maskTest: maskTest as "train", cutoffs, metrics },
			},
		});
		const path = { id: other.runs[0]?.id as string };
		await until("it is tested", async () => (await api.get("/runs/{id}", { path })).state === "SUCCEEDED", 60);

		await valence.open(`/runs/${run}`);
		await page.getByRole("link", { name: "Interests of a user" }).click();
		await page.getByText("Which user?").waitFor();
		await page.getByRole("textbox", { name: "User" }).fill("user-0042");
		await page.getByRole("button", { name: "Show" }).click();
		await page.waitForURL(/\/users\/user-0042$/);
		const own = page.getByRole("region", { name: /^Interests by valid, seed \d$/ });
		await own.getByText(/^Recall@20 of this user \d\.\d{4}\. (Of \d+ items?|The test) /).waitFor({ timeout: 30_000 });
		expect(await own.getByText("Top items").count()).toBeGreaterThan(1);
		await own
			.getByText(/^History, \d+ items?$/)
			.first()
			.waitFor();

		await page.getByRole("combobox", { name: "Beside it" }).click();
		await page
			.getByRole("option", { name: /^macridvae/ })
			.first()
			.click();
		await page.waitForURL(/beside=/);
		const beside = page.getByRole("region", { name: /^Interests by macridvae, seed \d$/ });
		await beside.getByText("Top items").nth(2).waitFor({ timeout: 30_000 });
		await page.getByText("Each model has interests of its own").waitFor();

		// Another user, beside the same run.
		await page.getByRole("textbox", { name: "User" }).fill("nobody at all");
		await page.getByRole("button", { name: "Show" }).click();
		await page.waitForURL(/\/users\/nobody%20at%20all\?beside=/);
		await page.getByText("There is no such user in the data").first().waitFor();
		// A browser says so of every answer that is no success.
		valence.complaints.splice(0, valence.complaints.length, ...valence.complaints.filter((one) => !isAbsence(one)));
	}, 120_000);
}

const isAbsence = (complaint: string) => complaint.includes("404") && complaint.includes("nobody%20at%20all");
