import { Badge, Code, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ApiKey } from "@valence/client";
import { explanationOf, limitOf } from "../access";
import { ACCESS } from "../access-queries";
import { api } from "../api";
import { when } from "../format";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { ProblemAlert } from "./feedback";

const COLOURS = { active: "teal", expired: "yellow", revoked: "gray" };

export const KeyTable = ({ keys }: { keys: ApiKey[] }) => (
	<DataTable
		label="Keys"
		rows={keys}
		keyOf={({ id }) => id}
		columns={[
			{
				title: "Name",
				lead: true,
				value: ({ name }) => name,
				cell: ({ name, prefix }) => (
					<>
						<span className="breaks">{name}</span>
						<Text size="xs" c="dimmed" component="div">
							<Code>{prefix}_…</Code>
						</Text>
					</>
				),
			},
			{
				title: "Scope",
				value: ({ scope }) => scope,
				cell: ({ scope }) => <span title={explanationOf(scope)}>{scope}</span>,
			},
			{
				title: "State",
				value: ({ state }) => state,
				cell: ({ state }) => (
					<Badge className="state" color={COLOURS[state]} variant="dot" size="sm" miw="max-content" tt="none" fw={500}>
						{state}
					</Badge>
				),
			},
			{ title: "Limit", value: ({ rateLimit }) => rateLimit, cell: limitOf },
			{ title: "Last used", value: ({ lastUsedAt }) => lastUsedAt, cell: ({ lastUsedAt }) => moment(lastUsedAt) },
			{ title: "Expires", value: ({ expiresAt }) => expiresAt, cell: ({ expiresAt }) => moment(expiresAt) },
			{ title: "Made", value: ({ createdAt }) => createdAt, cell: ({ createdAt }) => moment(createdAt) },
			{ title: "Revoke", bare: true, numeric: true, cell: (key) => <Revoke apiKey={key} /> },
		]}
	/>
);

const moment = (time: string | null) => <span className="together">{time === null ? "never" : when(time)}</span>;

function Revoke({ apiKey: { id, name, state } }: { apiKey: ApiKey }) {
	const client = useQueryClient();
	const revoke = useMutation({
		mutationFn: () => api.delete("/keys/{id}", { path: { id } }),
		onSettled: () => client.invalidateQueries({ queryKey: ACCESS }),
	});
	if (state === "revoked") return null;
	return (
		<>
			<ConfirmButton
				size="compact-xs"
				color="red"
				variant="subtle"
				label="Revoke"
				question={`Revoke the key ${name}?`}
				consequence="Whoever uses it is refused from now on. This cannot be undone."
				loading={revoke.isPending}
				onConfirm={() => revoke.mutate()}
			/>
			<ProblemAlert error={revoke.error} />
		</>
	);
}
