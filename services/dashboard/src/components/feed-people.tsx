import { Alert, Anchor, Group, Stack, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api } from "../api";
import { useFeedUsers } from "../feed-queries";
import { erasureSentence } from "../feed-words";
import { count, when } from "../format";
import { datasetPath } from "../links";
import { keys } from "../queries";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { useSnapshots } from "./feed-uses";
import { Loaded, ProblemAlert } from "./feedback";
import { SEARCH_MS } from "./search-field";

/** Who came last, or is looked for; and how somebody is erased. */
export function FeedPeople({ name, total }: { name: string; total: number }) {
	const client = useQueryClient();
	const snapshots = useSnapshots(name);
	const [id, setId] = useState("");
	const [asked] = useDebouncedValue(id, SEARCH_MS);
	const erase = useMutation({
		mutationFn: (user: string) => api.delete("/feeds/{name}/users/{id}", { path: { name, id: user } }),
		onSuccess: () => setId(""),
		onSettled: async () => {
			await client.invalidateQueries({ queryKey: keys.feed(name) });
			await client.invalidateQueries({ queryKey: keys.users });
		},
	});
	return (
		<Panel title="Users">
			<Stack gap="xs">
				<TextInput
					aria-label="Find a user by the whole id"
					placeholder="The whole id of a user"
					value={id}
					onChange={(event) => setId(event.currentTarget.value)}
				/>
				<ProblemAlert error={erase.error} />
				{erase.data && (
					<Alert color="teal" role="status" title={`Erased with ${count(erase.data.interactions)} interactions`}>
						{erase.data.snapshots.length > 0 && (
							<Stack gap={4}>
								<Text size="sm">
									Snapshots that were taken while the person was in the feed hold them until they are deleted:
								</Text>
								<Group gap="4px 12px">
									{erase.data.snapshots.map((one) => (
										<Anchor key={one.id} component={Link} to={datasetPath(one.id)} size="sm" className="breaks">
											{one.name}
										</Anchor>
									))}
								</Group>
							</Stack>
						)}
					</Alert>
				)}
				<Loaded query={useFeedUsers(name, asked)}>
					{(users) =>
						users.length === 0 ? (
							<Text size="sm" c="dimmed">
								{asked === "" ? "Nobody yet" : "There is no such user"}
							</Text>
						) : (
							<DataTable
								label="Users"
								rows={users}
								keyOf={(user) => user.id}
								pageSize={10}
								total={total}
								columns={[
									{ title: "User", lead: true, cell: (user) => <span className="breaks">{user.id}</span> },
									{
										title: "Interactions",
										numeric: true,
										value: (user) => user.interactions,
										cell: (user) => count(user.interactions),
									},
									{
										title: "Newest",
										value: (user) => user.newest ?? "",
										cell: (user) => (user.newest ? when(user.newest) : "–"),
									},
									{
										title: "Erase",
										bare: true,
										cell: (user) => (
											<ConfirmButton
												size="compact-xs"
												color="red"
												variant="subtle"
												label="Erase"
												aria-label={`Erase ${user.id}`}
												question={`Erase ${user.id} with ${count(user.interactions)} interactions?`}
												consequence={erasureSentence(snapshots)}
												loading={erase.isPending && erase.variables === user.id}
												onConfirm={() => erase.mutate(user.id)}
											/>
										),
									},
								]}
							/>
						)
					}
				</Loaded>
			</Stack>
		</Panel>
	);
}
