// The trainer as the api sees it: a catalogue, staged uploads, deleted keys. Made from the same proto as the real one.
import { createHash, randomUUID } from "node:crypto";
import type { ServerReadableStream, ServerUnaryCall, ServerWritableStream, sendUnaryData } from "@grpc/grpc-js";
import type {
	DownloadUserValuesResponse,
	ListMetricsRequest,
	ListMetricsResponse,
	ReadUserValuesResponse,
	UserValues,
} from "../../services/api/src/generated/proto/trainer/v1/measures.js";
import {
	type Artifact,
	type CheckConfigurationsRequest,
	type CheckConfigurationsResponse,
	type CheckDatasetRequest,
	type CheckDatasetResponse,
	type CheckUploadsRequest,
	type CheckUploadsResponse,
	type DeleteArtifactsRequest,
	type DeleteArtifactsResponse,
	type DownloadUserValuesRequest,
	type EstimateRequest,
	type EstimateResponse,
	type ListArtifactsRequest,
	type ListArtifactsResponse,
	type ListModelsRequest,
	type ListModelsResponse,
	type Model,
	type PreviewDatasetRequest,
	type PreviewDatasetResponse,
	type ReadExportRequest,
	type ReadExportResponse,
	type ReadUserValuesRequest,
	type StageSampleRequest,
	type StageSampleResponse,
	TrainerServiceService,
	type UploadFileRequest,
	type UploadFileResponse,
} from "../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { fakeSearching } from "./fake-searching.js";
import { type FakeServer, listen, refusal } from "./grpc-server.js";
import { METRICS } from "./metrics.js";

const schema = {
	type: "object",
	additionalProperties: false,
	properties: {
		k: { type: "integer", minimum: 1, maximum: 64, default: 4, description: "Number of interests." },
		tau: { type: "number", exclusiveMinimum: 0, maximum: 10, default: 0.1, description: "Temperature." },
		attention: { enum: ["none", "cosine"], default: "none", type: "string", description: "Self-attention." },
	},
};
const base = { paper: "A paper", paperUrl: "", family: "test", summary: "For tests." };
const MODELS: Model[] = [
	{
		...base,
		name: "valid",
		title: "VALID",
		capabilities: ["fold_in", "interests", "data_parallel"],
		configSchemaJson: JSON.stringify(schema),
	},
	{
		...base,
		name: "popularity",
		title: "Popularity",
		capabilities: ["closed_form"],
		configSchemaJson: JSON.stringify({ type: "object", additionalProperties: false, properties: {} }),
	},
];

const EXPORT_CHUNK = 64 << 10;

export interface FakeTrainer extends FakeServer {
	/** Its catalogue. */
	models: Model[];
	/** Bytes of every staged file that is still there, by key. */
	uploads: Map<string, number>;
	/** What was in them, as text. */
	texts: Map<string, string>;
	/** The last preview that was asked for. */
	previewed: PreviewDatasetRequest | null;
	/** The file that a preview takes for one that an import goes without. */
	needless: string;
	/** The archive in which a preview finds these roles, and whether it says that there is more. */
	packed: { name: string; roles: string[]; isWhole: boolean };
	deleted: string[];
	/** Bytes of finished exports, by key. */
	exports: Map<string, Buffer>;
	/** Calls that read one, and the bytes they have sent. */
	reads: { offset: number; sent: number; isCancelled: boolean }[];
	/** Values of users by the key of their artifact, in no other order than this. */
	userValues: Map<string, { columns: string[]; rows: UserValues[] }>;
	/** The last page of them that was asked for, and the last file. */
	asked: { page: ReadUserValuesRequest | null; file: DownloadUserValuesRequest | null };
	/** What lies on its disk; deletes take from it. */
	artifacts: Artifact[];
	/** Called when a listing has been sent, before it ends. */
	onListed: () => Promise<void>;
	listings: number;
	/** Answer of the next deletes. */
	refuseDeletes: ReturnType<typeof refusal> | null;
	/** Keys that cannot be deleted. */
	stuck: Set<string>;
	/** Keys whose deletion takes longer than a call may. */
	slow: Set<string>;
	/** What holds deletes up. */
	deletesWaitFor: Promise<void> | null;
	/** Keys of datasets whose files are not whole. */
	damaged: Set<string>;
	/** Answer of the next uploads. */
	refuseUploads: ReturnType<typeof refusal> | null;
	/** Answer of the next estimates. */
	refuseEstimates: ReturnType<typeof refusal> | null;
	/** Bytes taken so far of uploads under way; reading waits while `paused`. */
	received: number;
	pause(): void;
	resume(): void;
	listed: number;
	/** How often the sample was made. */
	samples: number;
	/** What it says of searches. */
	searching: ReturnType<typeof fakeSearching>;
}

export async function startFakeTrainer(): Promise<FakeTrainer> {
	let paused = false;
	let waiting: (() => void)[] = [];
	const state = {
		models: MODELS,
		uploads: new Map<string, number>(),
		texts: new Map<string, string>(),
		previewed: null as FakeTrainer["previewed"],
		needless: "",
		packed: { name: "", roles: [], isWhole: true },
		deleted: [] as string[],
		exports: new Map<string, Buffer>(),
		reads: [] as FakeTrainer["reads"],
		userValues: new Map() as FakeTrainer["userValues"],
		asked: { page: null, file: null } as FakeTrainer["asked"],
		artifacts: [] as Artifact[],
		onListed: async (): Promise<void> => undefined,
		listings: 0,
		refuseDeletes: null as FakeTrainer["refuseDeletes"],
		stuck: new Set<string>(),
		slow: new Set<string>(),
		deletesWaitFor: null as FakeTrainer["deletesWaitFor"],
		damaged: new Set<string>(),
		refuseEstimates: null as FakeTrainer["refuseEstimates"],
		refuseUploads: null as FakeTrainer["refuseUploads"],
		received: 0,
		listed: 0,
		samples: 0,
		pause() {
			paused = true;
		},
		resume() {
			paused = false;
			for (const awake of waiting) awake();
			waiting = [];
		},
	};
	const searching = fakeSearching();
	const server = await listen(TrainerServiceService, {
		...searching.handlers,
		listModels(_call: ServerUnaryCall<ListModelsRequest, ListModelsResponse>, done: sendUnaryData<ListModelsResponse>) {
			state.listed++;
			done(null, { models: state.models, torchVersion: "2.13.0+cpu", device: "cpu", codeVersion: "0.1.0" });
		},
		/** Cosine attention needs two interests: a rule between fields, which the schema does not hold. */
		checkConfigurations(
			call: ServerUnaryCall<CheckConfigurationsRequest, CheckConfigurationsResponse>,
			done: sendUnaryData<CheckConfigurationsResponse>,
		) {
			const problems = call.request.configurations.flatMap(({ configJson }, position) => {
				const { k, attention } = JSON.parse(configJson);
				return attention === "cosine" && k < 2 ? [{ position, field: "", message: "valid: cosine needs k of 2" }] : [];
			});
			done(null, { problems });
		},
		/** A GiB for each of `k` on the CPU, twice with attention, shared by the processes; half of that on a GPU. Nothing can be built with 64. */
		estimate(call: ServerUnaryCall<EstimateRequest, EstimateResponse>, done: sendUnaryData<EstimateResponse>) {
			if (state.refuseEstimates) return done(state.refuseEstimates);
			if (!call.request.statistics?.users) return done(refusal("INVALID_ARGUMENT", "invalid_request", "no users"));
			const estimates = call.request.configurations.map(({ configJson, processes }) => {
				const { k = 1, attention } = JSON.parse(configJson);
				const cpuBytes = k === 64 ? 0 : ((attention === "cosine" ? 2 : 1) * k * 2 ** 30) / processes;
				return { cpuBytes, gpuBytes: cpuBytes / 2, gpuHostBytes: cpuBytes && 2 ** 30 };
			});
			done(null, { estimates });
		},
		/** Of the real one only the form: one table a file, its first column named by what came. */
		previewDataset(
			call: ServerUnaryCall<PreviewDatasetRequest, PreviewDatasetResponse>,
			done: sendUnaryData<PreviewDatasetResponse>,
		) {
			state.previewed = call.request;
			const isNeedless = ({ displayName }: { displayName: string }) => displayName === state.needless;
			const { files } = call.request;
			const shown = files.filter((file) => !isNeedless(file));
			const rolesIn = ({ role, displayName }: { role: string; displayName: string }) =>
				displayName === state.packed.name ? state.packed.roles : [role || "interactions"];
			const all = shown.flatMap((file) => rolesIn(file).map((role) => ({ ...file, role })));
			const tables = all.map(({ role, displayName, head }) => ({
				file: displayName,
				name: displayName,
				role,
				format: "csv",
				compression: "",
				encoding: "utf-8",
				separator: ",",
				quote: '"',
				header: true,
				firstLine: 2,
				columns: [
					{ name: "user", role: "user", why: "'user' is a usual name", form: "" },
					{ name: "x", role: "timestamp", why: "", form: "seconds" },
				],
				rows: [{ cells: [String(head.length), ""] }],
			}));
			const problem = { code: "empty_id", file: "a.csv", line: 3, column: "user", message: "the id is empty" };
			const warnings = files
				.filter(isNeedless)
				.map(({ displayName: file }) => ({ ...problem, code: "not_needed", file }));
			const { name, isWhole } = state.packed;
			if (!isWhole) warnings.push({ ...problem, code: "not_shown", file: name });
			done(null, { tables, problems: [problem], warnings });
		},
		async uploadFile(
			call: ServerReadableStream<UploadFileRequest, UploadFileResponse>,
			done: sendUnaryData<UploadFileResponse>,
		) {
			const hash = createHash("sha256");
			const chunks: Buffer[] = [];
			let bytes = 0;
			let isWhole = false;
			call.on("error", () => undefined);
			try {
				for await (const { chunk, last } of call as AsyncIterable<UploadFileRequest>) {
					if (state.refuseUploads) return done(state.refuseUploads);
					hash.update(chunk);
					chunks.push(chunk);
					bytes += chunk.length;
					isWhole ||= last;
					state.received += chunk.length;
					while (paused) await new Promise<void>((resolve) => waiting.push(resolve));
				}
			} catch {
				return; // cancelled: nothing stays staged
			}
			// A call that was cut off may end as if it were over; only its last message says that it is.
			if (call.cancelled || !isWhole) return;
			const uploadKey = `uploads/${randomUUID()}`;
			state.uploads.set(uploadKey, bytes);
			state.texts.set(uploadKey, Buffer.concat(chunks).toString());
			done(null, { uploadKey, bytes, sha256: hash.digest("hex") });
		},
		stageSample(
			_call: ServerUnaryCall<StageSampleRequest, StageSampleResponse>,
			done: sendUnaryData<StageSampleResponse>,
		) {
			state.samples++;
			const files = ["interactions", "items"].map((role) => {
				const uploadKey = `uploads/${randomUUID()}`;
				state.uploads.set(uploadKey, 10);
				return { role, displayName: `sample.${role}`, uploadKey, bytes: 10, sha256: role };
			});
			done(null, { files });
		},
		checkDataset(
			call: ServerUnaryCall<CheckDatasetRequest, CheckDatasetResponse>,
			done: sendUnaryData<CheckDatasetResponse>,
		) {
			done(null, { isWhole: !state.damaged.has(call.request.datasetKey) });
		},
		checkUploads(
			call: ServerUnaryCall<CheckUploadsRequest, CheckUploadsResponse>,
			done: sendUnaryData<CheckUploadsResponse>,
		) {
			done(null, { missingKeys: call.request.uploadKeys.filter((key) => !state.uploads.has(key)) });
		},
		async deleteArtifacts(
			call: ServerUnaryCall<DeleteArtifactsRequest, DeleteArtifactsResponse>,
			done: sendUnaryData<DeleteArtifactsResponse>,
		) {
			await state.deletesWaitFor;
			if (state.refuseDeletes) return done(state.refuseDeletes);
			if (call.request.keys.some((key) => state.slow.has(key)))
				return done(refusal("DEADLINE_EXCEEDED", "timeout", "too slow"));
			if (call.request.keys.some((key) => state.stuck.has(key))) return done(refusal("INTERNAL", "internal", "stuck"));
			for (const key of call.request.keys) state.uploads.delete(key);
			state.artifacts = state.artifacts.filter(({ key }) => !call.request.keys.includes(key));
			state.deleted.push(...call.request.keys);
			done(null, { deleted: call.request.keys.length });
		},
		async readExport(call: ServerWritableStream<ReadExportRequest, ReadExportResponse>) {
			const { key, offset } = call.request;
			const whole = state.exports.get(key);
			if (!whole) return void call.emit("error", refusal("NOT_FOUND", "export_gone", "it is not there", "key"));
			const read = { offset, sent: 0, isCancelled: false };
			state.reads.push(read);
			call.on("cancelled", () => {
				read.isCancelled = true;
			});
			for (let start = offset; start < whole.length && !read.isCancelled; start += EXPORT_CHUNK) {
				const chunk = whole.subarray(start, start + EXPORT_CHUNK);
				read.sent += chunk.length;
				if (!call.write({ chunk }))
					await new Promise((drained) => call.once("drain", drained).once("cancelled", drained));
			}
			call.end();
		},
		listMetrics(
			_call: ServerUnaryCall<ListMetricsRequest, ListMetricsResponse>,
			done: sendUnaryData<ListMetricsResponse>,
		) {
			done(null, { metrics: METRICS });
		},
		readUserValues(
			call: ServerUnaryCall<ReadUserValuesRequest, ReadUserValuesResponse>,
			done: sendUnaryData<ReadUserValuesResponse>,
		) {
			const { values, offset, limit, user } = call.request;
			state.asked.page = call.request;
			const known = state.userValues.get(values?.key ?? "");
			if (!known) return done(refusal("NOT_FOUND", "values_missing", "there are no such values", "values.key"));
			const rows = known.rows.filter((row) => user === "" || row.user === user);
			done(null, { columns: known.columns, rows: rows.slice(offset, offset + limit), total: known.rows.length });
		},
		downloadUserValues(call: ServerWritableStream<DownloadUserValuesRequest, DownloadUserValuesResponse>) {
			state.asked.file = call.request;
			const known = state.userValues.get(call.request.values?.key ?? "");
			if (!known) return void call.emit("error", refusal("NOT_FOUND", "values_missing", "there are no such values"));
			for (const { user } of known.rows) call.write({ data: Buffer.from(`${user}\n`) });
			call.end();
		},
		async listArtifacts(call: ServerWritableStream<ListArtifactsRequest, ListArtifactsResponse>) {
			state.listings++;
			call.write({ artifacts: [], disk: { freeBytes: 1_000, totalBytes: 5_000 } });
			for (const one of state.artifacts) call.write({ artifacts: [one], disk: undefined });
			await state.onListed();
			call.end();
		},
	});
	return Object.assign(state, server, { searching });
}
