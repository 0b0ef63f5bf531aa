import type { Page } from "playwright-core";
import type { Valence } from "./valence.js";

const TABS = 20;

/** Over HTTP/1.1 a browser has six connections to a host: more tabs than that must not wait for each other. */
export function tabSteps(valence: Valence) {
	const streams = async () => {
		const { data: text = "" } = await valence.api.fetcher.GET("/metrics", { parseAs: "text" });
		return Number(/^valence_event_streams (\d+)$/m.exec(text)?.[1]);
	};
	const becomes = async (wanted: number) => {
		for (const until = Date.now() + 20_000; (await streams()) !== wanted && Date.now() < until; )
			await valence.page.waitForTimeout(100);
		expect(await streams()).toBe(wanted);
	};
	const show = (page: Page, state: "visible" | "hidden") =>
		page.evaluate(`
			Object.defineProperty(document, "visibilityState", { configurable: true, get: () => "${state}" });
			document.dispatchEvent(new Event("visibilitychange"));
		`);

	it(`opens ${TABS} runs in ${TABS} tabs of one browser on one stream, none while all are hidden, and cancels each`, async () => {
		const { items } = await valence.api.get("/datasets", { query: { state: "SUCCEEDED" } });
		await valence.open("/models"); // the shared tab follows nothing
		await becomes(0);
		const { id, runs } = await valence.api.post("/experiments", {
			body: {
				name: "Many tabs",
				dataset: items[0]?.id as string,
				models: [{ model: "valid", params: { k: 2, epochs: 1000, patience: 1000, train_batch_size: 256 } }],
				seeds: Array.from({ length: TABS }, (_, seed) => seed + 1),
			},
		});
		const first = await valence.newPage();
		try {
			const tabs = [first];
			while (tabs.length < TABS) tabs.push(await valence.newTab(first.context()));
			await Promise.all(
				tabs.map(async (page, index) => {
					await valence.open(`/runs/${runs[index]?.id}`, page);
					await page.getByRole("log").getByText("queued").waitFor({ timeout: 120_000 });
				}),
			);
			await becomes(1);
			await Promise.all(tabs.map((page) => show(page, "hidden")));
			await becomes(0);
			await Promise.all(tabs.map((page) => show(page, "visible")));
			await becomes(1);
			for (const page of tabs) await page.getByRole("button", { name: "Cancel", exact: true }).click();
			await Promise.all(tabs.map((page) => page.getByRole("log").getByText("cancelled").waitFor({ timeout: 90_000 })));
			// What is final is followed no more.
			await becomes(0);
		} finally {
			// What follows must not wait behind twenty runs.
			await first.context().close();
			await valence.api.post("/experiments/{id}/cancel", { path: { id } }).catch(() => undefined);
		}
	}, 300_000);

	it("asks now and then where a browser has no shared workers", async () => {
		const { items } = await valence.api.get("/experiments", { query: { limit: 1 } });
		const { runs } = await valence.api.get("/experiments/{id}", { path: { id: items[0]?.id as string } });
		const page = await valence.newPage();
		await page.addInitScript("delete globalThis.SharedWorker");
		const asked = page.waitForRequest(
			(request) => request.url().includes("/events?") && request.url().endsWith("&wait=false"),
		);
		await valence.open(`/runs/${runs[0]?.id}`, page);
		await page.getByRole("log").getByText("cancelled").waitFor({ timeout: 30_000 });
		await asked;
		await page.context().close();
	}, 60_000);
}
