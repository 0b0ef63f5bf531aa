import { Alert, Badge, Code, List, Paper, Skeleton, Stack, Text, Title } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ProblemError } from "../api";
import type { State } from "../shapes";

const COLOURS: Record<State, string> = {
	QUEUED: "gray",
	RUNNING: "blue",
	SUCCEEDED: "teal",
	FAILED: "red",
	CANCELLED: "yellow",
};
export const StateBadge = ({ state }: { state: State }) => (
	<Badge className="state" color={COLOURS[state]} variant="dot" size="sm" miw="max-content" tt="none" fw={500}>
		{state.toLowerCase()}
	</Badge>
);

export function ProblemAlert({ error }: { error: Error | null }) {
	if (!error) return null;
	// What the title says already is not said again.
	const fields = error instanceof ProblemError ? error.errors.filter(({ message }) => message !== error.message) : [];
	return (
		<Alert color="red" icon={<IconAlertTriangle size={18} />} title={error.message} role="alert">
			{fields.length > 0 && (
				<List size="sm">
					{fields.map((one) => (
						<List.Item key={one.pointer}>
							<Code>{one.pointer}</Code> {one.message}
						</List.Item>
					))}
				</List>
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
