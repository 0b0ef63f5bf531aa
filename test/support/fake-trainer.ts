// The trainer as the api sees it: a catalogue, staged uploads, deleted keys. Made from the same proto as the real one.
import { createHash, randomUUID } from "node:crypto";
import type { ServerReadableStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import {
	type CheckConfigurationsRequest,
	type CheckConfigurationsResponse,
	type CheckDatasetRequest,
	type CheckDatasetResponse,
	type DeleteArtifactsRequest,
	type DeleteArtifactsResponse,
	type ListModelsRequest,
	type ListModelsResponse,
	type Model,
	TrainerServiceService,
	type UploadFileRequest,
	type UploadFileResponse,
} from "../../services/api/src/generated/proto/trainer/v1/trainer.js";
import { type FakeServer, listen, type refusal } from "./grpc-server.js";

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
		capabilities: ["fold_in", "interests"],
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

export interface FakeTrainer extends FakeServer {
	/** Bytes of every staged file that is still there, by key. */
	uploads: Map<string, number>;
	deleted: string[];
	/** Answer of the next deletes. */
	refuseDeletes: ReturnType<typeof refusal> | null;
	/** What holds deletes up. */
	deletesWaitFor: Promise<void> | null;
	/** Keys of datasets whose files are not whole. */
	damaged: Set<string>;
	/** Answer of the next uploads. */
	refuseUploads: ReturnType<typeof refusal> | null;
	/** Bytes taken so far of uploads under way; reading waits while `paused`. */
	received: number;
	pause(): void;
	resume(): void;
	listed: number;
}

export async function startFakeTrainer(): Promise<FakeTrainer> {
	let paused = false;
	let awake = () => {};
	const state = {
		uploads: new Map<string, number>(),
		deleted: [] as string[],
		refuseDeletes: null as FakeTrainer["refuseDeletes"],
		deletesWaitFor: null as FakeTrainer["deletesWaitFor"],
		damaged: new Set<string>(),
		refuseUploads: null as FakeTrainer["refuseUploads"],
		received: 0,
		listed: 0,
		pause() {
			paused = true;
		},
		resume() {
			paused = false;
			awake();
		},
	};
	const server = await listen(TrainerServiceService, {
		listModels(_call: ServerUnaryCall<ListModelsRequest, ListModelsResponse>, done: sendUnaryData<ListModelsResponse>) {
			state.listed++;
			done(null, { models: MODELS, torchVersion: "2.13.0+cpu", device: "cpu", codeVersion: "0.1.0" });
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
		async uploadFile(
			call: ServerReadableStream<UploadFileRequest, UploadFileResponse>,
			done: sendUnaryData<UploadFileResponse>,
		) {
			const hash = createHash("sha256");
			let bytes = 0;
			let isWhole = false;
			call.on("error", () => undefined);
			try {
				for await (const { chunk, last } of call as AsyncIterable<UploadFileRequest>) {
					if (state.refuseUploads) return done(state.refuseUploads);
					hash.update(chunk);
					bytes += chunk.length;
					isWhole ||= last;
					state.received += chunk.length;
					while (paused) await new Promise<void>((resolve) => (awake = resolve));
				}
			} catch {
				return; // cancelled: nothing stays staged
			}
			// A call that was cut off may end as if it were over; only its last message says that it is.
			if (call.cancelled || !isWhole) return;
			const uploadKey = `uploads/${randomUUID()}`;
			state.uploads.set(uploadKey, bytes);
			done(null, { uploadKey, bytes, sha256: hash.digest("hex") });
		},
		checkDataset(
			call: ServerUnaryCall<CheckDatasetRequest, CheckDatasetResponse>,
			done: sendUnaryData<CheckDatasetResponse>,
		) {
			done(null, { isWhole: !state.damaged.has(call.request.datasetKey) });
		},
		async deleteArtifacts(
			call: ServerUnaryCall<DeleteArtifactsRequest, DeleteArtifactsResponse>,
			done: sendUnaryData<DeleteArtifactsResponse>,
		) {
			await state.deletesWaitFor;
			if (state.refuseDeletes) return done(state.refuseDeletes);
			for (const key of call.request.keys) state.uploads.delete(key);
			state.deleted.push(...call.request.keys);
			done(null, { deleted: call.request.keys.length });
		},
	});
	return Object.assign(state, server);
}
