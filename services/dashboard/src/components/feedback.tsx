import { Alert, Badge, List, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import { ExclamationTriangleIcon } from "@radix-ui/react-icons";
import type { UseQueryResult } from "@tanstack/react-query";
import { type JobState, Problem } from "@valence/client";
import type { ReactNode } from "react";
import { type Failed, fieldOf, inWords, ruleInWords } from "../in-words";

const COLOURS: Record<JobState, string> = {
	QUEUED: "gray",
	RUNNING: "blue",
	SUCCEEDED: "teal",
	FAILED: "red",
	CANCELLED: "yellow",
};
/** A trial that was pruned has succeeded, too. */
export const StateBadge = ({ state, isPruned = false }: { state: JobState; isPruned?: boolean }) => (
	<Badge
		className="state"
		color={isPruned ? "orange" : COLOURS[state]}
		variant="dot"
		size="sm"
		miw="max-content"
		tt="none"
		fw={500}
	>
		{isPruned ? "pruned" : state.toLowerCase()}
	</Badge>
);

/** Of a request, or of a run, an import, an evaluation that failed. */
export function ProblemAlert({ error }: { error: Error | Failed | null }) {
	if (!error) return null;
	const { message } = error;
	const code = "code" in error ? error.code : "";
	const { title, hint, namesFields } = inWords({ code, message });
	const said = ruleInWords(message);
	// What is said in other words already is not said again.
	const fields =
		error instanceof Problem && (namesFields || title === said)
			? error.errors.filter((one) => one.message !== message)
			: [];
	const isSaid = title === said || hint?.includes(said);
	return (
		<Alert color="red" icon={<ExclamationTriangleIcon width={18} height={18} />} title={title} role="alert">
			{hint && <Text size="sm">{hint}</Text>}
			{fields.length > 0 && (
				<List size="sm">
					{fields.map((one) => (
						<List.Item key={one.pointer}>
							{fieldOf(one.pointer)} {one.message}
						</List.Item>
					))}
				</List>
			)}
			{!isSaid && (
				<details>
					<summary>What the service says</summary>
					<Text size="xs" className="breaks">
						{code}: {message}
					</Text>
				</details>
			)}
		</Alert>
	);
}

export const EmptyState = ({ title, children }: { title: string; children: ReactNode }) => (
	<Paper withBorder p="xl" radius="md">
		<Stack align="center" gap="xs" ta="center">
			<Title order={3} size="h4">
				{title}
			</Title>
			<Text c="dimmed" component="div">
				{children}
			</Text>
		</Stack>
	</Paper>
);

/** Skeleton while loading, the problem when it failed, else the content. */
export function Loaded<T>({ query, children }: { query: UseQueryResult<T, Error>; children: (data: T) => ReactNode }) {
	if (query.data !== undefined) return <>{children(query.data)}</>;
	if (query.error) return <ProblemAlert error={query.error} />;
	return (
		<Stack role="status" aria-label="Loading">
			<Skeleton height={36} />
			<Skeleton height={120} />
		</Stack>
	);
}
