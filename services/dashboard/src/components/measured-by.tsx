import { Group, Select, Text, Title } from "@mantine/core";
import { type Evaluation, isPruned, type RunDetail } from "@valence/client";
import { runUserPath, userPath } from "../links";
import { useEvaluations } from "../queries";
import { useAddress } from "../use-address";
import { MetricGroups } from "./metric-groups";
import { UserValues } from "./user-values";

const ANEW = { sort: null, order: null, cursor: null, user: null };
/** Of the test of the run itself. */
const TEST = "test";

/** Metrics by group and of single users: by the test of a run, or by an evaluation of it that the address names. */
export function MeasuredBy({ run, hasInterests }: { run: RunDetail; hasInterests: boolean }) {
	const { search, change } = useAddress();
	const evaluations = useEvaluations(run.id).data?.filter(({ state }) => state === "SUCCEEDED") ?? [];
	const isTested = run.state === "SUCCEEDED" && !isPruned(run) && run.vouchedBy === null;
	const choices = [...(isTested ? [{ value: TEST, label: "The test of the run" }] : []), ...evaluations.map(choiceOf)];
	const chosen = search.get("evaluation") ?? choices[0]?.value;
	if (chosen === undefined) return null;
	const evaluation = evaluations.find(({ id }) => id === chosen);
	// Another dataset has other users.
	const isOwn = evaluation?.datasetId == null;
	const pathOf = (user: string) => (hasInterests && isOwn ? runUserPath(run.id, user) : userPath(user));
	const isOld = chosen === TEST && run.users === null;
	return (
		<>
			<Group justify="space-between" id="users">
				<Title order={3} size="h5">
					Whom it serves well
				</Title>
				{choices.length > 1 && (
					<Select
						aria-label="Measured by"
						size="xs"
						w={260}
						data={choices}
						value={chosen}
						onChange={(value) => change({ ...ANEW, evaluation: value === TEST ? null : value })}
						allowDeselect={false}
					/>
				)}
			</Group>
			{isOld ? (
				<Text size="sm" c="dimmed">
					An earlier version tested this run, and kept no values of single users. Evaluate it to have them.
				</Text>
			) : (
				<>
					<MetricGroups groups={(chosen === TEST ? run : evaluation)?.groups ?? []} />
					<UserValues
						of={chosen === TEST ? { kind: "runs", id: run.id } : { kind: "evaluations", id: chosen }}
						pathOf={pathOf}
					/>
				</>
			)}
		</>
	);
}

const choiceOf = ({ id, split, protocol, datasetId }: Evaluation) => ({
	value: id,
	label: `${split}, masks ${protocol.maskTest}, @${protocol.cutoffs.join(", @")}${datasetId ? ", elsewhere" : ""}`,
});
