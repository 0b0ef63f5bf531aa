import { BarChart } from "@mantine/charts";
import { Code, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useNavigate, useParams } from "react-router";
import { api } from "../api";
import { ConfirmButton } from "../components/confirm-button";
import { DataTable } from "../components/data-table";
import { Facts, Panel } from "../components/facts";
import { FeedImports } from "../components/feed-imports";
import { FeedItems } from "../components/feed-items";
import { FeedPeople } from "../components/feed-people";
import { FeedUses } from "../components/feed-uses";
import { Loaded, ProblemAlert } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { SnapshotButton } from "../components/snapshot-button";
import { useFeed, useFeedDays, useNewestRows } from "../feed-queries";
import { bytes, count, when } from "../format";

export function FeedPage() {
	const { name = "" } = useParams();
	const navigate = useNavigate();
	const discard = useMutation({
		mutationFn: () => api.delete("/feeds/{name}", { path: { name } }),
		onSuccess: () => navigate("/feeds"),
	});
	return (
		<Loaded query={useFeed(name)}>
			{(feed) => (
				<Stack>
					<PageHeader
						title={feed.name}
						parent={{ to: "/feeds", label: "Feeds" }}
						details={`since ${when(feed.createdAt)}`}
						actions={
							<>
								<ConfirmButton
									color="red"
									variant="subtle"
									label="Delete"
									question={`Delete ${feed.name} with everything in it?`}
									consequence="Datasets that are snapshots of it stay. This cannot be undone."
									loading={discard.isPending}
									onConfirm={() => discard.mutate()}
								/>
								<SnapshotButton feed={feed} />
							</>
						}
					/>
					<ProblemAlert error={discard.error} />
					<SimpleGrid cols={{ base: 1, md: 2 }}>
						<Panel title="What it holds">
							<Facts
								rows={[
									["Interactions", count(feed.interactions)],
									["Users", count(feed.users)],
									["Items", count(feed.items)],
									["Newest", feed.newest ? when(feed.newest) : "–"],
									["Size", bytes(feed.bytes)],
								]}
							/>
						</Panel>
						<RowsADay name={name} interactions={feed.interactions} />
					</SimpleGrid>
					<FeedUses name={name} />
					<NewestRows name={name} total={feed.interactions} />
					<SimpleGrid cols={{ base: 1, lg: 2 }}>
						<FeedPeople name={name} total={feed.users} />
						<FeedItems name={name} total={feed.items} />
					</SimpleGrid>
					<FeedImports name={name} />
					<HowToSend name={name} />
				</Stack>
			)}
		</Loaded>
	);
}

const RowsADay = ({ name, interactions }: { name: string; interactions: number }) => (
	<Panel title="Interactions a day">
		<Loaded query={useFeedDays(name, interactions)}>
			{({ items }) =>
				items.length === 0 ? (
					<Text size="sm" c="dimmed">
						Nothing yet
					</Text>
				) : (
					<BarChart
						h={150}
						data={items}
						dataKey="day"
						series={[{ name: "interactions", label: "Interactions", color: "indigo.5" }]}
						valueFormatter={count}
						xAxisProps={{ interval: "preserveStartEnd", minTickGap: 16, tickFormatter: (day: string) => day.slice(5) }}
						yAxisProps={{ width: 56, tickCount: 4, allowDecimals: false, tickFormatter: count }}
					/>
				)
			}
		</Loaded>
	</Panel>
);

const NewestRows = ({ name, total }: { name: string; total: number }) => (
	<Panel title="Newest interactions">
		<Loaded query={useNewestRows(name)}>
			{({ items }) =>
				items.length === 0 ? (
					<Text size="sm" c="dimmed">
						Nothing yet
					</Text>
				) : (
					<DataTable
						label="Newest interactions"
						rows={items}
						keyOf={({ user, item, at }) => JSON.stringify([user, item, at])}
						pageSize={10}
						total={total}
						columns={[
							{ title: "User", lead: true, cell: ({ user }) => <span className="breaks">{user}</span> },
							{ title: "Item", cell: ({ item, title }) => <span className="breaks">{title ?? item}</span> },
							{ title: "When", value: ({ at }) => at, cell: ({ at }) => when(at) },
							{ title: "Value", numeric: true, value: ({ value }) => value, cell: ({ value }) => value ?? "–" },
						]}
					/>
				)
			}
		</Loaded>
	</Panel>
);

const HowToSend = ({ name }: { name: string }) => (
	<Panel title="How to send interactions">
		<Stack gap="xs">
			<Text size="sm" c="dimmed">
				An array, or a file of JSON lines of any length. The same id, or the same user, item and time, counts once.
			</Text>
			<Code block tabIndex={0} aria-label="With curl">
				{`curl -X POST ${window.location.origin}/feeds/${name}/interactions \\
  -H 'content-type: application/json' \\
  -d '[{"user": "u1", "item": "i1", "at": "${new Date().toISOString().slice(0, 19)}Z"}]'

curl -X POST ${window.location.origin}/feeds/${name}/interactions \\
  -H 'content-type: application/x-ndjson' -T today.ndjson`}
			</Code>
		</Stack>
	</Panel>
);
