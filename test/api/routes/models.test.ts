import { jest } from "@jest/globals";
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

test("the catalogue comes from the trainer, is kept for a while, and outlives it", async () => {
	const first = await api.call("GET", "/models");
	expect(first.status).toBe(200);
	expect(first.body.items.map((model: { name: string }) => model.name)).toEqual(["valid", "popularity"]);
	expect(first.body.items[0].configSchema.properties.k).toMatchObject({ default: 4, minimum: 1, maximum: 64 });
	await api.call("GET", "/models");
	expect(api.trainer.listed).toBe(1);

	const later = Date.now() + 60_000;
	const clock = jest.spyOn(Date, "now").mockImplementation(() => later);
	await api.call("GET", "/models");
	clock.mockRestore();
	expect(api.trainer.listed).toBe(2);

	await api.trainer.close();
	const muchLater = Date.now() + 120_000;
	const still = jest.spyOn(Date, "now").mockImplementation(() => muchLater);
	const answer = await api.call("GET", "/models");
	still.mockRestore();
	expect(answer.body).toEqual(first.body);
});
