import type { Refresh } from "@valence/client";
import { type StepState, stepsOf } from "../refreshing";

const MARKS: Record<StepState, string> = { done: "✓", now: "●", ahead: "○", stopped: "✕", "left out": "–" };

/** How far a refresh is, of its five steps. */
export const RefreshSteps = ({ refresh }: { refresh: Refresh }) => (
	<ol className="steps" aria-label="Steps">
		{stepsOf(refresh).map(({ step, state }) => (
			<li key={step} data-state={state} aria-current={state === "now" ? "step" : undefined}>
				<span role="img" aria-label={state}>
					{MARKS[state]}
				</span>
				{step}
			</li>
		))}
	</ol>
);
