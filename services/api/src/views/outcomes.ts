// Whether people take what a deployment recommends, as it appears in answers.
import { Type } from "@fastify/type-provider-typebox";
import { MaybeNumber, Nullable, Time, Uuid } from "../http/schemas.js";
import { AnsweredBy } from "./recommendation.js";

const Interval = Nullable(
	Type.Object(
		{ low: Type.Number(), high: Type.Number() },
		{
			title: "Interval",
			description: "Of 95 %: Wilson's of a share, Student's t of a mean rank (from three items on).",
		},
	),
);
const counted = {
	answers: Type.Integer({
		description: "Recorded ones whose time is over: the hour they were given in, and the window after it.",
	}),
	open: Type.Integer({ description: "Recorded ones whose time is not over; they count in nothing else here." }),
	taken: Type.Integer({ description: "Answers of which at least one item was taken within the window." }),
	share: MaybeNumber,
	shareInterval: Interval,
	meanRank: Type.Union([Type.Number(), Type.Null()], {
		description: "Where in the list the items stood that were taken; 1 is the first. Each item counts once an answer.",
	}),
	meanRankInterval: Interval,
};
const Total = Type.Object(counted, { title: "Outcome" });
const Day = Type.Object({ day: Type.String({ description: "UTC." }), ...counted }, { title: "OutcomeOfDay" });
const days = Type.Array(Day, { description: "Those that have any, oldest first." });
export const Recording = Type.Enum(["on", "off", "no_feed"], {
	type: "string",
	title: "Recording",
	description: "Whether answers are recorded now. off: OUTCOMES is off; no_feed: without a feed nothing can be told.",
});
export const OutcomesView = Type.Object(
	{
		deployment: Type.String(),
		recording: Recording,
		from: Time,
		withinHours: Type.Integer(),
		answered: Type.Integer({ description: "All answers since `from`, also those that are not recorded." }),
		recordedShare: Type.Union([Type.Number(), Type.Null()], {
			description:
				"Of `answered`, what is behind these numbers: less than 1 where there were too many at once or in all.",
		}),
		unmatched: Type.Integer({
			description:
				"Interactions that name an answer and count in none: it is not recorded, is another person's, or has no such item.",
		}),
		total: Total,
		days,
		checkpoints: Type.Array(
			Type.Object(
				{
					checkpoint: Type.Object(
						{
							id: Uuid,
							runId: Nullable(Uuid),
							model: Nullable(Type.String()),
							epoch: Nullable(Type.Integer()),
						},
						{ title: "OutcomeCheckpoint", description: "All but the id are null once it is deleted." },
					),
					...counted,
					days,
				},
				{ title: "OutcomeOfCheckpoint" },
			),
			{ description: "Those that have any, most answers first." },
		),
		tiers: Type.Array(Type.Object({ tier: AnsweredBy, ...counted, days }, { title: "OutcomeOfTier" })),
	},
	{ title: "Outcomes" },
);
