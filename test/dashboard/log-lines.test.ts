import type { RunsEvent } from "@valence/client";
import { logLine } from "../../services/dashboard/src/log-lines";

const at = "2026-11-23T13:42:52.790Z";
const line = (event: string, data: object) =>
	logLine({ id: "1", event, data: { ...data, at, run: "a", seq: 1 } } as RunsEvent);
const said = (event: string, data: object) => line(event, data)?.slice(10);

it("says what was logged, the states and the epochs, with the time of day", () => {
	expect(line("log", { level: "warning", message: "hm" })).toMatch(/^\d\d:\d\d:52 {2}warning hm$/);
	expect(said("state", { state: "RUNNING" })).toBe("— running");
	expect(said("started", { device: "cpu", maxEpochs: 30, resumedEpoch: 4 })).toBe("on cpu, at most 30 epochs, after 4");
	const metrics = [
		{ split: "train", name: "loss", value: 12.5 },
		{ split: "valid", name: "recall@20", value: null },
	];
	expect(said("epoch", { epoch: 3, seconds: 0.416, metrics })).toBe(
		"epoch 3     valid.recall@20 –  train.loss 12.5000  0.4 s",
	);
});

it("has nothing to say of other events", () => {
	expect(line("tested", {})).toBeNull();
});
