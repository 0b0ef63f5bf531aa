import { Anchor, Button, Group, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Link, useNavigate } from "react-router";
import { api } from "../api";
import { DataTable } from "../components/data-table";
import { Panel } from "../components/facts";
import { EmptyState, Loaded, ProblemAlert } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { isName, NAME_RULE } from "../deploying";
import { useFeeds } from "../feed-queries";
import { bytes, count, when } from "../format";
import { feedPath } from "../links";
import { useDeployments } from "../serving-queries";

export function FeedsPage() {
	const navigate = useNavigate();
	const [name, setName] = useState("");
	const deployments = useDeployments().data ?? [];
	const servedAs = (feed: string) => deployments.filter((one) => one.feed === feed).map((one) => one.name);
	const make = useMutation({
		mutationFn: () => api.put("/feeds/{name}", { path: { name } }),
		onSuccess: () => navigate(feedPath(name)),
	});
	const submit = (event: FormEvent) => {
		event.preventDefault();
		make.mutate();
	};
	return (
		<Stack>
			<PageHeader
				title="Feeds"
				details="Interactions that keep coming. A snapshot of a feed is a dataset to train on."
			/>
			<Panel title="New feed">
				<Group component="form" align="end" gap="xs" {...({ onSubmit: submit } as object)}>
					<TextInput
						label="Name"
						description="Small letters, digits and hyphens"
						error={name !== "" && !isName(name) && NAME_RULE}
						value={name}
						onChange={(event) => setName(event.currentTarget.value)}
						required
						maxLength={64}
					/>
					<Button type="submit" loading={make.isPending} disabled={!isName(name)}>
						Make it
					</Button>
				</Group>
				<ProblemAlert error={make.error} />
			</Panel>
			<Loaded query={useFeeds()}>
				{(feeds) =>
					feeds.length === 0 ? (
						<EmptyState title="No feed yet">Make one above, then send interactions to it.</EmptyState>
					) : (
						<DataTable
							label="Feeds"
							rows={feeds}
							keyOf={(feed) => feed.name}
							columns={[
								{
									title: "Feed",
									lead: true,
									value: (feed) => feed.name,
									cell: (feed) => (
										<Anchor component={Link} to={feedPath(feed.name)} size="sm" className="breaks">
											{feed.name}
										</Anchor>
									),
								},
								{
									title: "Interactions",
									numeric: true,
									value: (feed) => feed.interactions,
									cell: (feed) => count(feed.interactions),
								},
								{ title: "Users", numeric: true, value: (feed) => feed.users, cell: (feed) => count(feed.users) },
								{ title: "Items", numeric: true, value: (feed) => feed.items, cell: (feed) => count(feed.items) },
								{
									title: "Newest",
									value: (feed) => feed.newest ?? "",
									cell: (feed) => (feed.newest ? when(feed.newest) : "–"),
								},
								{
									title: "Served as",
									cell: (feed) => <span className="breaks">{servedAs(feed.name).join(", ") || "–"}</span>,
								},
								{ title: "Size", numeric: true, value: (feed) => feed.bytes, cell: (feed) => bytes(feed.bytes) },
							]}
						/>
					)
				}
			</Loaded>
		</Stack>
	);
}
