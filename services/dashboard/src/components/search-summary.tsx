import { Anchor, Group, Progress, Text } from "@mantine/core";
import type { Protocol, Search } from "@valence/client";
import { Link } from "react-router";
import { metric } from "../format";
import { searchPath } from "../links";
import { useSearch } from "../search-queries";
import { countsSentence, titleOfTrials } from "../trials";
import { Panel } from "./facts";
import { Loaded } from "./feedback";
import { SearchChart } from "./search-chart";

interface Props {
	search: Search;
	protocol: Pick<Protocol, "cutoffs">;
}

/** A search among the parts of its experiment: how far it is, how it went, and the way to all of it. */
export function SearchSummary({ search, protocol }: Props) {
	const { id, model, trials, counts, best, isOver, confirmedBy } = search;
	const title = titleOfTrials(protocol);
	const done = trials - counts.waiting - counts.running;
	return (
		<Panel
			title={`Search of ${model}`}
			actions={
				<Anchor component={Link} to={searchPath(id)} size="sm" underline="always">
					{isOver && best !== null && confirmedBy === null ? "All trials, and confirm the winner" : "All trials"}
				</Anchor>
			}
		>
			{!isOver && (
				<Progress mb="xs" value={(done / trials) * 100} aria-label={`${done} of ${trials} trials are done`} />
			)}
			<Group gap="4px 16px" mb="xs">
				<Text size="sm" c="dimmed">
					{countsSentence(counts)}
				</Text>
				{best && (
					<Text size="sm">
						best{isOver ? "" : " so far"}: trial {best.number}, {title} <b>{metric(best.value)}</b>
					</Text>
				)}
				{confirmedBy && (
					<Anchor component={Link} to={`/experiments/${confirmedBy.id}`} size="sm">
						{confirmedBy.name}
					</Anchor>
				)}
			</Group>
			<Loaded query={useSearch(id)}>{(detail) => <SearchChart search={detail} title={title} isInside />}</Loaded>
		</Panel>
	);
}
