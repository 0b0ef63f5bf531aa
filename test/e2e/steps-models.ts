import type { Valence } from "./valence.js";

/** The whole catalogue, not the few models that other steps work with. */
export function modelSteps(valence: Valence) {
	it("offers a form that can be launched as it stands for every model", async () => {
		const { items } = await valence.api.get("/models");
		expect(items.length).toBeGreaterThanOrEqual(22);
		for (const { name } of items) {
			await valence.open(`/experiments/new?model=${name}`);
			const launch = valence.page.getByRole("button", { name: "Launch" });
			await launch.waitFor();
			expect([name, await launch.isEnabled()]).toEqual([name, true]);
		}
	}, 120_000);

	it("trains every model on the sample with the values of its form, an epoch each", async () => {
		const [models, datasets] = await Promise.all([
			valence.api.get("/models"),
			valence.api.get("/datasets", { query: { state: "SUCCEEDED" } }),
		]);
		const launched = await valence.api.post("/experiments", {
			body: {
				name: "Every model",
				dataset: datasets.items.find(({ name }) => name.startsWith("sample"))?.id as string,
				models: models.items.map(({ name, configSchema: { properties } }) => ({
					model: name,
					params: "epochs" in properties ? { epochs: 1 } : {},
				})),
			},
		});
		let now = launched;
		for (const until = Date.now() + 280_000; Date.now() < until; ) {
			now = await valence.api.get("/experiments/{id}", { path: { id: launched.id } });
			if (now.runs.every(({ state }) => state !== "QUEUED" && state !== "RUNNING")) break;
			await new Promise((wake) => setTimeout(wake, 1_000));
		}
		const failed = now.runs.filter(({ state }) => state !== "SUCCEEDED").map(({ model, state }) => `${model} ${state}`);
		expect(failed).toEqual([]);
		expect(new Set(now.runs.map(({ model }) => model)).size).toBe(models.items.length);
		for (const { id, model } of now.runs) {
			const { estimate, peakMemoryBytes } = await valence.api.get("/runs/{id}", { path: { id } });
			const ratio = (estimate?.memoryBytes ?? 0) / (peakMemoryBytes ?? 0);
			expect([model, ratio > 1 / 1.5 && ratio < 1.5 ? "as estimated" : ratio]).toEqual([model, "as estimated"]);
		}
	}, 300_000);
}
