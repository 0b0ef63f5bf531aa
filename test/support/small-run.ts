// A dataset that imports in a moment, and a training of it that goes on for as many epochs as one likes.
import type { Client } from "@valence/client";
import { until } from "./processes.js";

const ROWS = Array.from({ length: 300 }, (_, user) =>
	Array.from({ length: 8 }, (_, nth) => `u${user},i${(user * 7 + nth * nth * 13) % 150}\n`).join(""),
).join("");

/** Returns the run's id. */
export async function launchLong(api: Client, epochs: number): Promise<string> {
	const form = new FormData();
	form.set("name", "small");
	form.set("interactions", new Blob([`user,item\n${ROWS}`]), "small.csv");
	const { id } = await api.post("/datasets", { body: form });
	await until("it is imported", async () => (await api.get("/datasets/{id}", { path: { id } })).state === "SUCCEEDED");
	const experiment = await api.post("/experiments", {
		body: { dataset: id, models: [{ model: "valid", params: { k: 2, epochs, patience: epochs } }] },
	});
	return experiment.runs[0]?.id as string;
}
