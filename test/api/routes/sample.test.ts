import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

test("imports the sample once, and answers the one there is afterwards", async () => {
	const first = await api.call("POST", "/datasets/sample");
	expect([first.status, first.body.name, first.body.state]).toEqual([202, "sample", "QUEUED"]);
	expect(first.headers.location).toBe(`/datasets/${first.body.id}`);
	const { files } = await api.app.prisma.dataset.findUniqueOrThrow({ where: { id: first.body.id } });
	expect(files).toMatchObject([{ role: "interactions" }, { role: "items" }]);
	expect(api.trainer.uploads.size).toBe(2);

	const again = await api.call("POST", "/datasets/sample");
	expect([again.status, again.body.id]).toEqual([200, first.body.id]);
	// It is known by now, and not made a second time.
	expect(api.trainer.uploads.size).toBe(2);
	expect(api.trainer.samples).toBe(1);
});
