// The trainer's part in searches: it says what a test tells it to, and keeps what it was asked.
import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import type {
	FieldWeight,
	JudgeTrialRequest,
	JudgeTrialResponse,
	ProposeTrialRequest,
	ProposeTrialResponse,
	WeighFieldsRequest,
	WeighFieldsResponse,
} from "../../services/api/src/generated/proto/trainer/v1/searching.js";
import type { refusal } from "./grpc-server.js";

type Refusal = ReturnType<typeof refusal>;

export function fakeSearching() {
	const searching = {
		proposed: [] as ProposeTrialRequest[],
		judged: [] as JudgeTrialRequest[],
		weighed: [] as WeighFieldsRequest[],
		/** Of a trial; by its number unless a test says otherwise. */
		propose: async ({ number }: ProposeTrialRequest): Promise<object | Refusal> => ({ k: number + 1 }),
		/** Of the trial at this epoch. */
		judge: async (_request: JudgeTrialRequest, _epoch: number): Promise<boolean | Refusal> => false,
		weights: [] as FieldWeight[],
		handlers: {
			async proposeTrial(
				{ request }: ServerUnaryCall<ProposeTrialRequest, ProposeTrialResponse>,
				done: sendUnaryData<ProposeTrialResponse>,
			) {
				searching.proposed.push(request);
				const chosen = await searching.propose(request);
				if ("metadata" in chosen) return done(chosen as Refusal);
				done(null, { chosenJson: JSON.stringify(chosen) });
			},
			async judgeTrial(
				{ request }: ServerUnaryCall<JudgeTrialRequest, JudgeTrialResponse>,
				done: sendUnaryData<JudgeTrialResponse>,
			) {
				searching.judged.push(request);
				const epoch = request.trials.find(({ number }) => number === request.number)?.values.length ?? 0;
				const prune = await searching.judge(request, epoch);
				if (typeof prune !== "boolean") return done(prune);
				done(null, { prune, rung: prune ? epoch : 0 });
			},
			weighFields(
				{ request }: ServerUnaryCall<WeighFieldsRequest, WeighFieldsResponse>,
				done: sendUnaryData<WeighFieldsResponse>,
			) {
				searching.weighed.push(request);
				done(null, { fields: searching.weights, leastComplete: 10 });
			},
		},
	};
	return searching;
}
