// The trainer as the worker sees it: streams that say what a test wrote for them.
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import {
	type DeleteArtifactsRequest,
	type DeleteArtifactsResponse,
	type EvaluateRequest,
	type EvaluateResponse,
	type ExportRequest,
	type ExportResponse,
	type ImportDatasetRequest,
	type ImportDatasetResponse,
	TrainerServiceService,
	type TrainRequest,
	type TrainResponse,
} from "../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { listen, refusal } from "./grpc-server.js";

/** Yields messages; a refusal ends the stream with its status. The signal is raised when the caller cancels. */
export type Script<Q, A> = (request: Q, cancelled: AbortSignal) => AsyncIterable<A | Refusal> | Iterable<A | Refusal>;
type Refusal = ReturnType<typeof refusal>;

export interface Scripts {
	train: Script<TrainRequest, TrainResponse>;
	importDataset: Script<ImportDatasetRequest, ImportDatasetResponse>;
	evaluate: Script<EvaluateRequest, EvaluateResponse>;
	export: Script<ExportRequest, ExportResponse>;
}
export type ScriptedTrainer = Awaited<ReturnType<typeof startScriptedTrainer>>;

const silent = () => [];

export async function startScriptedTrainer() {
	const scripts: Scripts = { train: silent, importDataset: silent, evaluate: silent, export: silent };
	const deleted: string[] = [];
	const answers = { refuseDeletes: null as Refusal | null };

	const play =
		<K extends keyof Scripts>(name: K) =>
		async (call: ServerWritableStream<Parameters<Scripts[K]>[0], object>) => {
			const cancelled = new AbortController();
			call.on("cancelled", () => cancelled.abort());
			call.on("error", () => undefined);
			const script = scripts[name] as Script<unknown, object>;
			for await (const message of script(call.request, cancelled.signal)) {
				if ("metadata" in message) return void call.emit("error", message);
				if (cancelled.signal.aborted) return;
				call.write(message);
			}
			call.end();
		};

	const server = await listen(TrainerServiceService, {
		train: play("train"),
		importDataset: play("importDataset"),
		evaluate: play("evaluate"),
		export: play("export"),
		deleteArtifacts(
			call: ServerUnaryCall<DeleteArtifactsRequest, DeleteArtifactsResponse>,
			done: sendUnaryData<DeleteArtifactsResponse>,
		) {
			if (answers.refuseDeletes) return done(answers.refuseDeletes);
			deleted.push(...call.request.keys);
			done(null, { deleted: call.request.keys.length });
		},
	});
	return Object.assign(answers, server, { scripts, deleted });
}

/** Ends when the caller cancels. */
export const forEver = (cancelled: AbortSignal) =>
	new Promise<void>((resolve) => cancelled.addEventListener("abort", () => resolve(), { once: true }));

export { refusal };

// What a training says, in short.
export const started = (more: Partial<{ maxEpochs: number; resumedEpoch: number }> = {}): TrainResponse => ({
	event: {
		$case: "started",
		value: {
			device: "cpu",
			torchVersion: "2.13.0",
			codeVersion: "0.1.0",
			parameters: 10,
			maxEpochs: 3,
			resumedEpoch: 0,
			...more,
		},
	},
});
/** Of one epoch. */
export const STEPS = 7;
export const epoch = (request: TrainRequest, number: number, recall = number / 10): TrainResponse => ({
	event: {
		$case: "epoch",
		value: {
			epoch: number,
			metrics: [
				{ split: "train", name: "loss", value: 1 / number },
				{ split: "valid", name: "recall@20", value: recall },
			],
			seconds: 0.1,
			secondsLeft: 1,
			checkpoint: checkpointOf(request.runId, number),
			bestEpoch: number,
			bestValue: recall,
			steps: number * STEPS,
		},
	},
});
/** An epoch of a refit: nothing is measured. */
export const refitEpoch = (request: TrainRequest, number: number): TrainResponse => {
	const { event } = epoch(request, number, Number.NaN);
	if (event?.$case === "epoch") event.value.metrics = event.value.metrics.filter(({ split }) => split === "train");
	return { event };
};
export const log = (level: string, message: string): TrainResponse => ({
	event: { $case: "log", value: { level, message } },
});
export const finished = (request: TrainRequest, best: number): TrainResponse => ({
	event: {
		$case: "finished",
		value: {
			best: checkpointOf(request.runId, best),
			metrics: request.refit ? [] : [{ split: "test", name: "recall@20", value: 0.25 }],
			reason: request.refit ? "steps" : "max_epochs",
			epochs: best,
			seconds: 0.5,
			peakMemoryBytes: 1_000,
			parametersSha256: "b".repeat(64),
		},
	},
});

const checkpointOf = (runId: string, number: number) => ({
	key: `runs/${runId}/epoch-${String(number).padStart(5, "0")}`,
	sha256: String(number).repeat(64).slice(0, 64),
	bytes: 100,
	epoch: number,
});
