// What whoever follows runs is told. Written by jobs/train-run.ts and plugins/jobs.ts.
import { type TProperties, type TSchema, Type } from "@fastify/type-provider-typebox";
import { JobError, MaybeNumber, Nullable, State, Time, Uuid } from "../http/schemas.js";

const Metrics = Type.Array(
	Type.Object({ split: Type.String(), name: Type.String(), value: MaybeNumber }, { title: "EpochMetric" }),
);
const state = { state: State, error: Type.Optional(JobError) };
const started = {
	device: Type.String(),
	maxEpochs: Type.Integer(),
	resumedEpoch: Type.Integer({ description: "0: from the beginning." }),
};
const epoch = {
	epoch: Type.Integer(),
	metrics: Metrics,
	seconds: Type.Number(),
	secondsLeft: Type.Number({ description: "Up to the last epoch; an early stop comes sooner." }),
	bestEpoch: Nullable(Type.Integer()),
	bestValue: MaybeNumber,
};
const tested = { epoch: Type.Integer(), metrics: Metrics };
const log = { level: Type.String(), message: Type.String() };

const eventsOf = (title: string, id: TSchema, each: TProperties) => {
	const event = (name: string, data: TProperties) =>
		Type.Object(
			{ id, event: Type.Literal(name), data: Type.Object({ ...data, ...each }) },
			{ title: `${title}${name.charAt(0).toUpperCase()}${name.slice(1)}` },
		);
	return [
		event("state", state),
		event("started", started),
		event("epoch", epoch),
		event("tested", tested),
		event("log", log),
	];
};

const at = { at: Time };
const ofOne = eventsOf("RunEvent", Type.Integer({ description: "Counts from 1 without gaps." }), at);
export const RunEvent = Type.Union(ofOne, { title: "RunEvent" });

const ofSeveral = eventsOf(
	"RunsEvent",
	Type.String({ description: "The number of the last event of each run asked for, in their order." }),
	{
		...at,
		run: Uuid,
		seq: Type.Integer({ description: "Of the run's events; counts from 1 without gaps." }),
	},
);
const gone = Type.Object(
	{ id: Type.String(), event: Type.Literal("gone"), data: Type.Object({ run: Uuid }) },
	{ title: "RunsEventGone", description: "The run is not there, or no longer." },
);
export const RunsEvent = Type.Union([...ofSeveral, gone], { title: "RunsEvent" });
