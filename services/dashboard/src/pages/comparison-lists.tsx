import { SimpleGrid, Stack, Text, Title } from "@mantine/core";
import type { ComparisonDetail, Interaction } from "@valence/client";
import { useParams } from "react-router";
import { useComparison } from "../comparison-queries";
import { comparisonPath, viewFrom } from "../comparison-view";
import { DataTable } from "../components/data-table";
import { EmptyState, Loaded, ProblemAlert } from "../components/feedback";
import { ItemName } from "../components/item-name";
import { PageHeader } from "../components/page-header";
import { TestedList } from "../components/tested-list";
import { partTitle } from "../feed-words";
import { count, when } from "../format";
import { useTestedCheckpoint, useTestedList, useWholeHistory } from "../tested-list-queries";
import { hitsSentence, type Side, sideOf, wantedOf } from "../tested-lists";
import { useAddress } from "../use-address";

/** One user under two models; who, which runs and which metric are in the address. */
export function ComparisonListsPage() {
	const { id = "" } = useParams();
	const { search } = useAddress();
	const user = search.get("user") ?? "";
	return (
		<Loaded query={useComparison(id)}>
			{(comparison) => {
				const [side, against] = ["run", "against"].map((name) => sideOf(comparison, search.get(name)));
				return (
					<Stack>
						<PageHeader
							title={`Lists of ${user}`}
							parent={{ to: comparisonPath(id), label: comparison.name }}
							details="As the test saw them: what the models were given is left out, what the test asks for is not."
						/>
						{side && against ? (
							<Lists comparison={comparison} user={user} side={side} against={against} />
						) : (
							<EmptyState title="There is no such run in this comparison">
								It may have been deleted since. Go back and choose a user there.
							</EmptyState>
						)}
					</Stack>
				);
			}}
		</Loaded>
	);
}

interface Props {
	comparison: ComparisonDetail;
	user: string;
	side: Side;
	against: Side;
}

function Lists({ comparison, user, side, against }: Props) {
	const checkpoints = [useTestedCheckpoint(side.run), useTestedCheckpoint(against.run)];
	const [first, second] = checkpoints.map(({ data }) => data?.id);
	const gone = [side, against].filter((_, at) => checkpoints[at]?.data === null);
	const history = useWholeHistory(user, first ?? second);
	return (
		<>
			<ProblemAlert error={checkpoints.find(({ error }) => error)?.error ?? null} />
			{gone.length > 0 && <Gone sides={gone} />}
			{(first ?? second) !== undefined && (
				<Loaded query={history}>
					{(items) => (
						<>
							{first !== undefined && second !== undefined && (
								<BothLists {...{ comparison, user, side, against }} checkpoints={[first, second]} history={items} />
							)}
							<WholeHistory items={items} />
						</>
					)}
				</Loaded>
			)}
		</>
	);
}

interface BothProps extends Props {
	checkpoints: [string, string];
	history: Interaction[];
}

function BothLists({ comparison, user, side, against, checkpoints: [first, second], history }: BothProps) {
	const { search, change } = useAddress();
	const { metric } = viewFrom(search, comparison);
	const asked = { history, maskTest: comparison.protocol.maskTest, metric };
	const [list, beside] = [useTestedList(user, first, asked), useTestedList(user, second, asked)];
	const wanted = wantedOf(history);
	const of = { comparison, user, metric, wanted };
	return (
		<Loaded query={list}>
			{({ items }) => (
				<Loaded query={beside}>
					{({ items: other }) => (
						<>
							<Text>
								{hitsSentence(wanted, [
									[side.name, items],
									[against.name, other],
								])}
							</Text>
							<SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
								<TestedList {...of} side={side} items={items} other={other} onSeed={(run) => change({ run })} />
								<TestedList
									{...of}
									side={against}
									items={other}
									other={items}
									onSeed={(run) => change({ against: run })}
								/>
							</SimpleGrid>
						</>
					)}
				</Loaded>
			)}
		</Loaded>
	);
}

const Gone = ({ sides }: { sides: Side[] }) => (
	<EmptyState title="The lists cannot be made again">
		The checkpoint that was tested is gone of {sides.map(({ name, seed }) => `${name}, seed ${seed}`).join(" and of ")}:
		the experiment's keep rule has removed it, or it was deleted. The values of its users stay.
	</EmptyState>
);

/** A checkpoint alone knows nothing of a feed. */
const NO_FEED = { feed: null };

/** What the lists were made from, and what the test asks for, newest first. */
const WholeHistory = ({ items }: { items: Interaction[] }) => (
	<>
		<Title order={3} size="h5">
			History, {count(items.length)} {items.length === 1 ? "interaction" : "interactions"}
		</Title>
		<DataTable
			label="History"
			rows={items}
			keyOf={({ id, part, at }) => JSON.stringify([id, part, at])}
			pageSize={25}
			columns={[
				{ title: "Item", lead: true, cell: (item) => <ItemName item={item} /> },
				{
					title: "Part",
					value: ({ part }) => partTitle(part, NO_FEED, false),
					cell: ({ part }) => partTitle(part, NO_FEED, false),
				},
				{ title: "When", value: ({ at }) => at, cell: ({ at }) => (at === null ? "unknown" : when(at)) },
			]}
		/>
	</>
);
