import { logLine } from "../../services/dashboard/src/log-lines";

const at = "2026-11-23T13:42:52.790Z";
const said = (type: string, data: Record<string, unknown>) =>
	logLine({ id: 1, type, data: { ...data, at } })?.slice(10);

it("says what was logged, the states and the epochs, with the time of day", () => {
	expect(logLine({ id: 1, type: "log", data: { level: "warning", message: "hm", at } })).toMatch(
		/^\d\d:\d\d:52 {2}warning hm$/,
	);
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
	expect(logLine({ id: 1, type: "tested", data: { at } })).toBeNull();
});
