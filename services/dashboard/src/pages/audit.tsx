import { Anchor, Badge, Button, Code, Group, Stack, Text } from "@mantine/core";
import type { AuditEntry } from "@valence/client";
import { Link } from "react-router";
import { outcomeOf, pageOf } from "../access";
import { useAudit } from "../access-queries";
import { NewestFirstPages } from "../components/cursor-pages";
import { type Column, DataTable } from "../components/data-table";
import { DownloadButton } from "../components/download-button";
import { EmptyState, Loaded } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { count, when } from "../format";
import { useAddress } from "../use-address";

export function AuditPage() {
	const { search, change, linkTo } = useAddress();
	const by = search.get("by");
	const audit = useAudit(by, search.get("cursor"));
	const files = by === null ? "" : `&by=${encodeURIComponent(by)}`;
	return (
		<Stack>
			<PageHeader
				title="Audit log"
				details="Every change: who made it, what it was about, when, from where, and how it ended. Never what was sent."
				actions={
					<>
						<DownloadButton path={`/audit/file?format=csv${files}`} label="CSV" />
						<DownloadButton path={`/audit/file?format=ndjson${files}`} label="NDJSON" />
					</>
				}
			/>
			{by !== null && (
				<Group gap="xs">
					<Text size="sm">Only what {by} did.</Text>
					<Button size="compact-xs" variant="default" onClick={() => change({ by: null, cursor: null })}>
						Show all
					</Button>
				</Group>
			)}
			<Loaded query={audit}>
				{({ items, nextCursor }) => (
					<>
						{items.length === 0 ? (
							<EmptyState title="Nothing was changed yet">What is changed from now on appears here.</EmptyState>
						) : (
							<DataTable
								label="Changes"
								rows={items.map((entry, place) => ({ ...entry, place }))}
								keyOf={({ at, place }) => `${at} ${place}`}
								columns={columns((whose) => linkTo({ by: whose, cursor: null }))}
							/>
						)}
						<NewestFirstPages nextCursor={nextCursor} />
					</>
				)}
			</Loaded>
		</Stack>
	);
}

const columns = (linkOf: (by: string) => string): Column<AuditEntry>[] => [
	{
		title: "When",
		value: ({ at }) => at,
		cell: ({ at }) => <span className="together">{when(at)}</span>,
	},
	{
		title: "Who",
		value: ({ by }) => by,
		cell: ({ by }) =>
			by === null ? (
				<Text size="sm" c="dimmed" component="span">
					nobody was asked
				</Text>
			) : (
				<Anchor component={Link} to={linkOf(by)} size="sm" className="breaks">
					{by}
				</Anchor>
			),
	},
	{
		title: "What",
		lead: true,
		value: ({ route }) => route,
		cell: ({ route, resource, times }) => {
			const page = pageOf(resource);
			return (
				<>
					<Code className="breaks">{route}</Code>
					{times > 1 && ` ${count(times)} times`}
					<Text size="xs" c="dimmed" className="breaks" component="div">
						{page === null ? (
							resource
						) : (
							<Anchor component={Link} to={page} size="xs">
								{resource}
							</Anchor>
						)}
					</Text>
				</>
			);
		},
	},
	{ title: "From", value: ({ address }) => address, cell: ({ address }) => <span className="breaks">{address}</span> },
	{
		title: "Outcome",
		value: ({ status }) => status,
		cell: ({ status }) => {
			const { said, colour } = outcomeOf(status);
			return (
				<Badge className="state" color={colour} variant="dot" size="sm" miw="max-content" tt="none" fw={500}>
					{said}
				</Badge>
			);
		},
	},
];
