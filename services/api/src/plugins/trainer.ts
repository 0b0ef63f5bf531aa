// app.trainer: the trainer process as promises and async iterables.
import { Metadata } from "@grpc/grpc-js";
import fp from "fastify-plugin";
import {
	type Configuration,
	type ConfigurationProblem,
	type EvaluateRequest,
	type EvaluateResponse,
	type ExportRequest,
	type ExportResponse,
	type ImportDatasetRequest,
	type ImportDatasetResponse,
	type ListArtifactsResponse,
	type ListModelsResponse,
	type PreviewDatasetRequest,
	type PreviewDatasetResponse,
	type ReadExportResponse,
	type SampleFile,
	TrainerServiceClient,
	type TrainRequest,
	type TrainResponse,
	type UploadFileResponse,
} from "../generated/proto/trainer/v1/trainer.js";
import { CHANNEL_OPTIONS, insecure, ready, remoteError, serverStream, unary } from "../grpc.js";

const CHUNK_BYTES = 1 << 20;

export interface Trainer {
	listModels(): Promise<ListModelsResponse>;
	/** The first problem of each wrong configuration. */
	checkConfigurations(configurations: Configuration[]): Promise<ConfigurationProblem[]>;
	/** Streams bytes with back-pressure; a failing source cancels the call, and nothing stays staged. */
	uploadFile(bytes: AsyncIterable<Uint8Array>): Promise<UploadFileResponse>;
	/** What an import would make of files, from their first bytes. */
	previewDataset(request: PreviewDatasetRequest): Promise<PreviewDatasetResponse>;
	/** The files of the built-in sample, staged. */
	stageSample(): Promise<SampleFile[]>;
	importDataset(request: ImportDatasetRequest, signal: AbortSignal): AsyncGenerator<ImportDatasetResponse>;
	/** Whether the files of a dataset are there and as they were written. */
	isWhole(datasetKey: string): Promise<boolean>;
	/** Those of staged files that are no longer there. */
	missingUploads(uploadKeys: string[]): Promise<string[]>;
	train(request: TrainRequest, signal: AbortSignal): AsyncGenerator<TrainResponse>;
	evaluate(request: EvaluateRequest, signal: AbortSignal): AsyncGenerator<EvaluateResponse>;
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
		const client = new TrainerServiceClient(app.config.trainerAddress, insecure(), CHANNEL_OPTIONS);
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
			async checkConfigurations(configurations) {
				return (await unary(client.checkConfigurations.bind(client), { configurations }, timeout)).problems;
			},
			uploadFile,
			previewDataset: (request) => unary(client.previewDataset.bind(client), request, timeout),
			async stageSample() {
				return (await unary(client.stageSample.bind(client), {}, timeout)).files;
			},
			importDataset: (request, signal) => serverStream(client.importDataset(request), signal),
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
