// The trainer as the worker sees it: streams that say what a test wrote for them.
import { createHash, randomUUID } from "node:crypto";
import type { ServerReadableStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import type { CompareRequest, CompareResponse } from "../../services/api/src/generated/proto/trainer/v1/comparing.js";
import type {
	ListMetricsRequest,
	ListMetricsResponse,
	MetricGroup,
	UserValuesRef,
} from "../../services/api/src/generated/proto/trainer/v1/measures.js";
import {
	type Artifact,
	type CheckConfigurationsRequest,
	type CheckConfigurationsResponse,
	type CheckDatasetRequest,
	type CheckDatasetResponse,
	type DeleteArtifactsRequest,
	type DeleteArtifactsResponse,
	type DescribeMachineRequest,
	type DescribeMachineResponse,
	type EvaluateRequest,
	type EvaluateResponse,
	type ExportRequest,
	type ExportResponse,
	type ImportDatasetRequest,
	type ImportDatasetResponse,
	type ListArtifactsRequest,
	type ListArtifactsResponse,
	type ListModelsRequest,
	type ListModelsResponse,
	type ReadRowsRequest,
	type ReadRowsResponse,
	TrainerServiceService,
	type TrainRequest,
	type TrainResponse,
	type UploadFileRequest,
	type UploadFileResponse,
} from "../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { fakeSearching } from "./fake-searching.js";
import { listen, refusal } from "./grpc-server.js";
import { METRICS } from "./metrics.js";

/** Yields messages; a refusal ends the stream with its status. The signal is raised when the caller cancels. */
export type Script<Q, A> = (request: Q, cancelled: AbortSignal) => AsyncIterable<A | Refusal> | Iterable<A | Refusal>;
type Refusal = ReturnType<typeof refusal>;

export interface Scripts {
	train: Script<TrainRequest, TrainResponse>;
	importDataset: Script<ImportDatasetRequest, ImportDatasetResponse>;
	readRows: Script<ReadRowsRequest, ReadRowsResponse>;
	evaluate: Script<EvaluateRequest, EvaluateResponse>;
	compare: Script<CompareRequest, CompareResponse>;
	export: Script<ExportRequest, ExportResponse>;
}
export type ScriptedTrainer = Awaited<ReturnType<typeof startScriptedTrainer>>;

const silent = () => [];
/** Of the one parameter that its models have. */
const SCHEMA = JSON.stringify({
	type: "object",
	additionalProperties: false,
	properties: { k: { type: "integer", minimum: 1, maximum: 64, default: 4 } },
});

export async function startScriptedTrainer() {
	const scripts: Scripts = {
		train: silent,
		importDataset: silent,
		readRows: silent,
		evaluate: silent,
		compare: silent,
		export: silent,
	};
	const deleted: string[] = [];
	const answers = {
		artifacts: [] as Artifact[],
		listings: 0,
		refuseDeletes: null as Refusal | null,
		/** Names and capabilities of its catalogue. */
		models: {} as Record<string, string[]>,
		/** What the machine has. */
		machine: {
			devices: [{ kind: "cpu", name: "a processor", memoryBytes: 8_000 }],
			memoryBytes: 8_000,
			slots: 1,
			torchVersion: "2.13.0",
			pythonVersion: "3.13.1",
			codeVersion: "0.1.0",
		},
		/** Of each file that was staged, as text. */
		texts: [] as string[],
	};
	const bare = { paper: "", paperUrl: "", family: "test", summary: "For tests.", configSchemaJson: SCHEMA };

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

	const searching = fakeSearching();
	const server = await listen(TrainerServiceService, {
		...searching.handlers,
		train: play("train"),
		importDataset: play("importDataset"),
		readRows: play("readRows"),
		evaluate: play("evaluate"),
		compare: play("compare"),
		export: play("export"),
		listArtifacts(call: ServerWritableStream<ListArtifactsRequest, ListArtifactsResponse>) {
			state.listings++;
			call.write({ artifacts: state.artifacts, disk: { freeBytes: 1_000, totalBytes: 5_000 } });
			call.end();
		},
		listModels(_call: ServerUnaryCall<ListModelsRequest, ListModelsResponse>, done: sendUnaryData<ListModelsResponse>) {
			const models = Object.entries(answers.models).map(([name, capabilities]) => ({
				...bare,
				name,
				title: name,
				capabilities,
			}));
			done(null, { models, torchVersion: "2.13.0", device: "cpu", codeVersion: "0.1.0" });
		},
		describeMachine(
			_call: ServerUnaryCall<DescribeMachineRequest, DescribeMachineResponse>,
			done: sendUnaryData<DescribeMachineResponse>,
		) {
			done(null, state.machine);
		},
		listMetrics(
			_call: ServerUnaryCall<ListMetricsRequest, ListMetricsResponse>,
			done: sendUnaryData<ListMetricsResponse>,
		) {
			done(null, { metrics: METRICS });
		},
		checkConfigurations(
			_call: ServerUnaryCall<CheckConfigurationsRequest, CheckConfigurationsResponse>,
			done: sendUnaryData<CheckConfigurationsResponse>,
		) {
			done(null, { problems: [] });
		},
		checkDataset(
			_call: ServerUnaryCall<CheckDatasetRequest, CheckDatasetResponse>,
			done: sendUnaryData<CheckDatasetResponse>,
		) {
			done(null, { isWhole: true });
		},
		async uploadFile(
			call: ServerReadableStream<UploadFileRequest, UploadFileResponse>,
			done: sendUnaryData<UploadFileResponse>,
		) {
			const chunks: Buffer[] = [];
			for await (const { chunk } of call as AsyncIterable<UploadFileRequest>) chunks.push(chunk);
			const whole = Buffer.concat(chunks);
			answers.texts.push(whole.toString());
			const sha256 = createHash("sha256").update(whole).digest("hex");
			done(null, { uploadKey: `uploads/${randomUUID()}`, bytes: whole.length, sha256 });
		},
		deleteArtifacts(
			call: ServerUnaryCall<DeleteArtifactsRequest, DeleteArtifactsResponse>,
			done: sendUnaryData<DeleteArtifactsResponse>,
		) {
			if (state.refuseDeletes) return done(answers.refuseDeletes);
			deleted.push(...call.request.keys);
			done(null, { deleted: call.request.keys.length });
		},
	});
	const state = Object.assign(answers, server, { scripts, deleted, searching });
	return state;
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
export const finished = (request: TrainRequest, best: number, recall = 0.25): TrainResponse => ({
	event: {
		$case: "finished",
		value: {
			best: checkpointOf(request.runId, best),
			metrics: request.refit ? [] : [{ split: "test", name: "recall@20", value: recall }],
			reason: request.refit ? "steps" : "max_epochs",
			epochs: best,
			seconds: 0.5,
			peakMemoryBytes: 1_000,
			parametersSha256: "b".repeat(64),
			values: undefined,
			groups: [],
		},
	},
});
/** What a test leaves beside its means, of one user and a group that nobody is in. */
export const leftBy = (id: string): { values: UserValuesRef; groups: MetricGroup[] } => ({
	values: { key: `values/${id}`, sha256: "c".repeat(64), bytes: 2_000, users: 1 },
	groups: [
		{ by: "activity", group: "low", from: 1, to: 4, users: 1, metrics: { "recall@20": 0.25 } },
		{ by: "activity", group: "high", from: 5, to: 9, users: 0, metrics: { "recall@20": Number.NaN } },
	],
});

const checkpointOf = (runId: string, number: number) => ({
	key: `runs/${runId}/epoch-${String(number).padStart(5, "0")}`,
	sha256: String(number).repeat(64).slice(0, 64),
	bytes: 100,
	epoch: number,
});
