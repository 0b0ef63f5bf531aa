// app.trainer: the trainer process as promises and async iterables.
import { Metadata } from "@grpc/grpc-js";
import fp from "fastify-plugin";
import type { CompareRequest, CompareResponse } from "../generated/proto/trainer/v1/comparing.js";
import type {
	DownloadUserValuesResponse,
	MetricDescription,
	ReadUserValuesResponse,
} from "../generated/proto/trainer/v1/measures.js";
import type {
	JudgeTrialRequest,
	JudgeTrialResponse,
	ProposeTrialRequest,
	WeighFieldsRequest,
	WeighFieldsResponse,
} from "../generated/proto/trainer/v1/searching.js";
import {
	CheckConfigurationsRequest,
	type Configuration,
	type ConfigurationProblem,
	type DatasetStatistics,
	type DescribeMachineResponse,
	type DownloadUserValuesRequest,
	type EvaluateRequest,
	type EvaluateResponse,
	type ExportRequest,
	type ExportResponse,
	type ImportDatasetRequest,
	type ImportDatasetResponse,
	type ListArtifactsResponse,
	type ListModelsResponse,
	type MemoryEstimate,
	type PreviewDatasetRequest,
	type PreviewDatasetResponse,
	type ReadExportResponse,
	type ReadRowsRequest,
	type ReadRowsResponse,
	type ReadUserValuesRequest,
	type SampleFile,
	TrainerServiceClient,
	type TrainRequest,
	type TrainResponse,
	type UploadFileResponse,
} from "../generated/proto/trainer/v1/trainer.js";
import { channelOptions, insecure, ready, remoteError, serverStream, unary } from "../grpc.js";

const CHUNK_BYTES = 1 << 20;

/** Of the dataset that something is for. */
export interface DatasetSize {
	users: number;
	items: number;
}

export interface Trainer {
	listModels(): Promise<ListModelsResponse>;
	/** What the machine of this trainer has. */
	describeMachine(): Promise<DescribeMachineResponse>;
	/** The first problem of each wrong configuration. */
	checkConfigurations(
		configurations: Pick<Configuration, "model" | "configJson">[],
		size?: DatasetSize,
	): Promise<ConfigurationProblem[]>;
	/** The memory that each process of runs of them would take, in their order. */
	estimate(configurations: Configuration[], statistics: DatasetStatistics): Promise<MemoryEstimate[]>;
	/** Streams bytes with back-pressure; a failing source cancels the call, and nothing stays staged. */
	uploadFile(bytes: AsyncIterable<Uint8Array>): Promise<UploadFileResponse>;
	/** What an import would make of files, from their first bytes. */
	previewDataset(request: PreviewDatasetRequest): Promise<PreviewDatasetResponse>;
	/** The files of the built-in sample, staged. */
	stageSample(): Promise<SampleFile[]>;
	importDataset(request: ImportDatasetRequest, signal: AbortSignal): AsyncGenerator<ImportDatasetResponse>;
	/** Rows of staged files, no faster than they are taken. */
	readRows(request: ReadRowsRequest, signal: AbortSignal): AsyncGenerator<ReadRowsResponse>;
	/** Whether the files of a dataset are there and as they were written. */
	isWhole(datasetKey: string): Promise<boolean>;
	/** Those of staged files that are no longer there. */
	missingUploads(uploadKeys: string[]): Promise<string[]>;
	train(request: TrainRequest, signal: AbortSignal): AsyncGenerator<TrainResponse>;
	evaluate(request: EvaluateRequest, signal: AbortSignal): AsyncGenerator<EvaluateResponse>;
	compare(request: CompareRequest, signal: AbortSignal): AsyncGenerator<CompareResponse>;
	/** The configuration that a trial of a search is to try, as JSON. */
	proposeTrial(request: ProposeTrialRequest): Promise<string>;
	/** Whether a trial is to train on. */
	judgeTrial(request: JudgeTrialRequest): Promise<JudgeTrialResponse>;
	/** Which fields of a search matter, the first most. */
	weighFields(request: WeighFieldsRequest): Promise<WeighFieldsResponse>;
	/** What can be measured. */
	listMetrics(): Promise<MetricDescription[]>;
	/** A page of the values that a test has left of single users. */
	readUserValues(request: ReadUserValuesRequest): Promise<ReadUserValuesResponse>;
	/** All of them as a file, no faster than it is taken. */
	downloadUserValues(
		request: DownloadUserValuesRequest,
		signal: AbortSignal,
	): AsyncGenerator<DownloadUserValuesResponse>;
	export(request: ExportRequest, signal: AbortSignal): AsyncGenerator<ExportResponse>;
	/** The bytes of a finished export from `offset` on, no faster than they are taken. */
	readExport(key: string, offset: number, signal: AbortSignal): AsyncGenerator<ReadExportResponse>;
	deleteArtifacts(keys: string[]): Promise<void>;
	/** Everything on the disk of the artifacts, some at a time. */
	listArtifacts(signal: AbortSignal): AsyncGenerator<ListArtifactsResponse>;
	/** Rejects when the process does not answer. */
	reach(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		trainer: Trainer;
	}
}

export default fp(
	async (app) => {
		const client = new TrainerServiceClient(app.config.trainerAddress, insecure(), channelOptions());
		const timeout = app.config.timings.unaryCall;

		async function uploadFile(bytes: AsyncIterable<Uint8Array>): Promise<UploadFileResponse> {
			let ended = false;
			let call!: ReturnType<typeof client.uploadFile>;
			const answer = new Promise<UploadFileResponse>((resolve, reject) => {
				call = client.uploadFile(new Metadata(), (error, response) => {
					ended = true;
					call.emit("drain"); // a refused upload must not wait for a buffer that nobody empties
					if (error) reject(remoteError(error));
					else resolve(response);
				});
			});
			answer.catch(() => undefined);
			call.on("error", () => undefined);
			try {
				for await (const chunk of bytes) {
					for (let start = 0; start < chunk.length && !ended; start += CHUNK_BYTES) {
						const part = Buffer.from(chunk.subarray(start, start + CHUNK_BYTES));
						if (!call.write({ chunk: part, last: false })) await new Promise((drained) => call.once("drain", drained));
					}
					if (ended) break;
				}
				call.write({ chunk: Buffer.alloc(0), last: true });
				call.end();
			} catch (error) {
				call.cancel();
				await answer.catch(() => undefined);
				throw error;
			}
			return answer;
		}

		app.decorate("trainer", {
			listModels: () => unary(client.listModels.bind(client), {}, timeout),
			describeMachine: () => unary(client.describeMachine.bind(client), {}, timeout),
			async checkConfigurations(configurations, size) {
				const request = CheckConfigurationsRequest.fromPartial({ configurations, ...size });
				return (await unary(client.checkConfigurations.bind(client), request, timeout)).problems;
			},
			async estimate(configurations, statistics) {
				return (await unary(client.estimate.bind(client), { configurations, statistics }, timeout)).estimates;
			},
			uploadFile,
			previewDataset: (request) => unary(client.previewDataset.bind(client), request, timeout),
			async stageSample() {
				return (await unary(client.stageSample.bind(client), {}, timeout)).files;
			},
			importDataset: (request, signal) => serverStream(client.importDataset(request), signal),
			readRows: (request, signal) => serverStream(client.readRows(request), signal),
			async isWhole(datasetKey) {
				// It reads every byte, as the warming of a checkpoint does.
				const { warmCall } = app.config.timings;
				return (await unary(client.checkDataset.bind(client), { datasetKey }, warmCall)).isWhole;
			},
			async missingUploads(uploadKeys) {
				return (await unary(client.checkUploads.bind(client), { uploadKeys }, timeout)).missingKeys;
			},
			train: (request, signal) => serverStream(client.train(request), signal),
			evaluate: (request, signal) => serverStream(client.evaluate(request), signal),
			compare: (request, signal) => serverStream(client.compare(request), signal),
			async proposeTrial(request) {
				return (await unary(client.proposeTrial.bind(client), request, timeout)).chosenJson;
			},
			judgeTrial: (request) => unary(client.judgeTrial.bind(client), request, timeout),
			weighFields: (request) => unary(client.weighFields.bind(client), request, timeout),
			async listMetrics() {
				return (await unary(client.listMetrics.bind(client), {}, timeout)).metrics;
			},
			readUserValues: (request) => unary(client.readUserValues.bind(client), request, timeout),
			downloadUserValues: (request, signal) => serverStream(client.downloadUserValues(request), signal),
			export: (request, signal) => serverStream(client.export(request), signal),
			readExport: (key, offset, signal) => serverStream(client.readExport({ key, offset }), signal),
			async deleteArtifacts(keys) {
				if (keys.length > 0) await unary(client.deleteArtifacts.bind(client), { keys }, timeout);
			},
			listArtifacts: (signal) => serverStream(client.listArtifacts({}), signal),
			reach: () => ready(client),
		} satisfies Trainer);
		app.addHook("onClose", async () => client.close());
	},
	{ name: "trainer" },
);
