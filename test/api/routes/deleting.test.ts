// Lists while what they list is deleted: a row and what it belongs to are read at one moment, or whoever asks in between has a 500.
import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api?.close());

const MANY = 30;
const LISTS = ["/checkpoints?limit=200", "/experiments?limit=200", "/datasets?limit=200"];

test("no list breaks while experiments and datasets go", async () => {
	const made: { dataset: string; experiment: string }[] = [];
	for (let count = 0; count < MANY; count++) {
		const dataset = await api.dataset();
		made.push({ dataset, experiment: (await api.experiment(["SUCCEEDED"], { dataset })).id });
	}
	let isOver = false;
	const answers = new Map<string, number>();
	const reader = async (url: string) => {
		while (!isOver) {
			const { status } = await api.call("GET", url);
			answers.set(`${url} ${status}`, (answers.get(`${url} ${status}`) ?? 0) + 1);
		}
	};
	const reading = LISTS.map(reader);
	for (const { dataset, experiment } of made) {
		expect((await api.call("DELETE", `/experiments/${experiment}`)).status).toBe(204);
		expect((await api.call("DELETE", `/datasets/${dataset}`)).status).toBe(204);
	}
	isOver = true;
	await Promise.all(reading);
	expect([...answers.keys()].sort()).toEqual(LISTS.map((url) => `${url} 200`).sort());
});
