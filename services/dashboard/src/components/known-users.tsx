import { Anchor, Badge, Button, Group, Stack, Text } from "@mantine/core";
import { useDebouncedValue, useLocalStorage } from "@mantine/hooks";
import { ShuffleIcon } from "@radix-ui/react-icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { Link, useNavigate, useParams } from "react-router";
import { changed } from "../address";
import { count } from "../format";
import { recentFrom, remembered } from "../recent";
import { randomUser, usersQuery, useUsers } from "../serving-queries";
import { useAddress, useUserPath } from "../use-address";
import { CursorPages } from "./cursor-pages";
import { DataTable } from "./data-table";
import { Loaded, ProblemAlert } from "./feedback";
import { KnownUser } from "./known-user";
import { SEARCH_MS, SearchField } from "./search-field";

/** The users of the data, and the one of them who is shown. */
export function KnownUsers({ deployment }: { deployment: Deployment }) {
	const { search } = useAddress();
	const navigate = useNavigate();
	const client = useQueryClient();
	const shown = useParams().id ?? search.get("id");
	const pathOf = useUserPath();
	const type = (text: string, isStep: boolean) => {
		const next = changed(search, { q: text || null, cursor: null, id: null });
		navigate({ pathname: "/users", search: next.toString() }, { replace: !isStep });
	};
	const [recent, setRecent] = useLocalStorage<unknown>({
		key: `valence-recent-users-${deployment.name}`,
		defaultValue: [],
	});
	const others = recentFrom(recent).filter((id) => id !== shown);
	const random = useMutation({
		mutationFn: () => randomUser(deployment.name),
		onSuccess: (id) => id !== undefined && navigate(pathOf(id)),
	});
	return (
		<Stack>
			<Group align="end" gap="xs">
				<SearchField
					label="Find a user"
					placeholder="The beginning of an id"
					first={async (q) => (await client.fetchQuery(usersQuery(deployment.name, q, null))).items[0]?.id}
					onOpen={(id) => navigate(pathOf(id))}
					onType={type}
				/>
				<Button
					variant="default"
					leftSection={<ShuffleIcon width={16} height={16} aria-hidden />}
					loading={random.isPending}
					onClick={() => random.mutate()}
				>
					Random user
				</Button>
			</Group>
			<ProblemAlert error={random.error} />
			{others.length > 0 && (
				<Group gap="4px 12px" component="nav" aria-label="Recently shown">
					<Text size="xs" c="dimmed">
						Recently shown
					</Text>
					{others.map((id) => (
						<Anchor key={id} component={Link} to={pathOf(id)} size="xs" className="breaks">
							{id}
						</Anchor>
					))}
					<Button size="compact-xs" variant="subtle" color="gray" onClick={() => setRecent([])}>
						Forget
					</Button>
				</Group>
			)}
			{shown ? (
				<KnownUser
					key={`${deployment.name} ${shown}`}
					deployment={deployment}
					user={shown}
					onShown={() => setRecent((all: unknown) => remembered(recentFrom(all), shown))}
				/>
			) : (
				<FoundUsers deployment={deployment.name} />
			)}
		</Stack>
	);
}

function FoundUsers({ deployment }: { deployment: string }) {
	const { search } = useAddress();
	const pathOf = useUserPath();
	const [q] = useDebouncedValue(search.get("q") ?? "", SEARCH_MS);
	return (
		<Loaded query={useUsers(deployment, q, search.get("cursor"))}>
			{(page) => (
				<>
					<CursorPages page={page} names={["user", "users"]} />
					{page.items.length > 0 && (
						<DataTable
							label="Users"
							rows={page.items}
							keyOf={({ id }) => id}
							columns={[
								{
									title: "User",
									lead: true,
									cell: ({ id, inDataset }) => (
										<>
											<Anchor component={Link} to={pathOf(id)} size="sm" className="breaks">
												{id}
											</Anchor>{" "}
											{!inDataset && (
												<Badge size="xs" variant="light" color="teal" tt="none">
													of the feed alone
												</Badge>
											)}
										</>
									),
								},
								{
									title: "Interactions",
									numeric: true,
									cell: ({ interactions, inDataset }) => (inDataset ? count(interactions) : "–"),
								},
							]}
						/>
					)}
				</>
			)}
		</Loaded>
	);
}
