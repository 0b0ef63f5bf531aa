import { Anchor, Button, Group, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import type { RunDetail } from "@valence/client";
import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import { useLeaderboard } from "../comparison-queries";
import { EmptyState, Loaded } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { TestedInterests } from "../components/tested-interests";
import { datasetPath, runUserPath } from "../links";
import { useModels, useRun } from "../queries";
import { besideOf } from "../tested-interests";
import { useAddress } from "../use-address";

/** The user, and the run whose model is shown beside, are in the address. */
export function RunUserPage() {
	const { id = "", user } = useParams();
	const { search } = useAddress();
	const shown = user ?? search.get("user") ?? undefined;
	return <Loaded query={useRun(id)}>{(run) => <Interests key={id} run={run} user={shown} />}</Loaded>;
}

function Interests({ run, user }: { run: RunDetail; user: string | undefined }) {
	const { search } = useAddress();
	const beside = search.get("beside");
	return (
		<Stack>
			<PageHeader
				title={user === undefined ? "Interests of a user" : `Interests of ${user}`}
				parent={{ to: `/runs/${run.id}`, label: `${run.model}, seed ${run.seed}` }}
				details={
					<>
						<Anchor component={Link} to={datasetPath(run.dataset.id)} size="sm" underline="always">
							{run.dataset.name}
						</Anchor>
						, as the test saw them: the model knows the training part alone, and may put on top what was held back.
					</>
				}
			/>
			<Group align="end" gap="sm">
				<UserField key={user} run={run.id} user={user} beside={beside} />
				<Beside run={run} chosen={beside} />
			</Group>
			{user === undefined ? (
				<EmptyState title="Which user?">Give the whole id of somebody in the dataset.</EmptyState>
			) : (
				<>
					{beside !== null && (
						<Text size="sm" c="dimmed">
							Each model has interests of its own: the same number or colour means nothing from one to the other.
						</Text>
					)}
					<SimpleGrid cols={{ base: 1, lg: beside === null ? 1 : 2 }} spacing="xl">
						<TestedInterests run={run.id} user={user} />
						{beside !== null && <TestedInterests key={beside} run={beside} user={user} />}
					</SimpleGrid>
				</>
			)}
		</Stack>
	);
}

function UserField({ run, user = "", beside }: { run: string; user: string | undefined; beside: string | null }) {
	const navigate = useNavigate();
	const [text, setText] = useState(user);
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (text !== "") navigate(runUserPath(run, text, beside));
			}}
		>
			<Group gap="xs" align="end">
				<TextInput
					label="User"
					placeholder="The whole id"
					size="xs"
					autoComplete="off"
					value={text}
					onChange={(event) => setText(event.currentTarget.value)}
				/>
				<Button type="submit" size="xs" variant="default">
					Show
				</Button>
			</Group>
		</form>
	);
}

/** Other runs that were tested alike. */
function Beside({ run, chosen }: { run: RunDetail; chosen: string | null }) {
	const { change } = useAddress();
	const groups = useLeaderboard(run.dataset.id, run.protocol.hash).data?.groups ?? [];
	const options = besideOf(groups, useModels().data ?? [], run.id);
	return (
		<Select
			label="Beside it"
			placeholder={options.length > 0 ? "Another run" : "No other run was tested alike"}
			size="xs"
			w={300}
			data={options}
			value={chosen}
			onChange={(id) => change({ beside: id })}
			disabled={options.length === 0}
			searchable
			clearable
		/>
	);
}
