import { Anchor, Stack, Text, Title } from "@mantine/core";
import type { TestedInterests as Answer } from "@valence/client";
import { Link } from "react-router";
import { count, metric, metricTitle } from "../format";
import { namesOf } from "../interests";
import { useMetricDefinitions, useRun, useUserValues } from "../queries";
import { foundSentence, groupsOf } from "../tested-interests";
import { useTestedInterests } from "../tested-list-queries";
import { Loaded } from "./feedback";
import { InterestGroup } from "./interest-group";

/** A user's interests by the model of a run, and how far they led the test to what it asks for. */
export function TestedInterests({ run, user }: { run: string; user: string }) {
	const shown = useRun(run).data;
	const name = shown ? `${shown.model}, seed ${shown.seed}` : "Run";
	return (
		<Stack gap="sm" component="section" aria-label={`Interests by ${name}`}>
			<Title order={3} size="h5">
				<Anchor component={Link} to={`/runs/${run}`} inherit>
					{name}
				</Anchor>
			</Title>
			<Loaded query={useTestedInterests(run, user)}>{(answer) => <Groups run={run} of={answer} />}</Loaded>
		</Stack>
	);
}

function Groups({ run, of }: { run: string; of: Answer }) {
	const names = namesOf(of.interests);
	return (
		<>
			<Text size="sm">
				<Measured run={run} user={of.user} /> {foundSentence(of)}
			</Text>
			{of.historyTotal > of.history.length && (
				<Text size="sm" c="dimmed">
					Shown are the newest {count(of.history.length)} of {count(of.historyTotal)} items of the history.
				</Text>
			)}
			{groupsOf(of).map((group) => (
				<InterestGroup key={group.index} of={group} names={names} />
			))}
		</>
	);
}

/** The first metric of this user; nothing where an earlier version left none. */
function Measured({ run, user }: { run: string; user: string }) {
	const known = useMetricDefinitions();
	const page = useUserValues({ kind: "runs", id: run }, { user }).data;
	const [name] = page?.columns ?? [];
	const value = name === undefined ? undefined : page?.items[0]?.values[name];
	return value === undefined ? null : `${metricTitle(`.${name}`, known)} of this user ${metric(value)}.`;
}
