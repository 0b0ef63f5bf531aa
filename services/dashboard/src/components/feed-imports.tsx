import { Alert, Stack, Text } from "@mantine/core";
import type { FeedImport } from "@valence/client";
import { api } from "../api";
import { useFeedImports } from "../feed-queries";
import { count, when } from "../format";
import { problemText } from "../import-wizard";
import { ruleInWords } from "../in-words";
import { isOpen, keys } from "../queries";
import { CancelButton } from "./cancel-button";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { FeedImportForm } from "./feed-import-form";
import { Loaded } from "./feedback";
import { Warnings } from "./warnings";

/** Tables of any kind into a feed, and what became of those that were sent before. */
export const FeedImports = ({ name }: { name: string }) => (
	<Panel title="Import files">
		<Stack gap="sm">
			<FeedImportForm name={name} />
			<Loaded query={useFeedImports(name)}>
				{(imports) => imports.length > 0 && <Imports name={name} imports={imports} />}
			</Loaded>
		</Stack>
	</Panel>
);

const Imports = ({ name, imports }: { name: string; imports: FeedImport[] }) => (
	<>
		<DataTable
			label="Imports of files"
			rows={imports}
			keyOf={({ id }) => id}
			pageSize={5}
			columns={[
				{
					title: "Files",
					lead: true,
					cell: ({ files, error }) => (
						<>
							<span className="breaks">{files.map((one) => one.name).join(", ")}</span>
							{error && (
								<Text size="xs" c="red" fw={400} className="breaks">
									{ruleInWords(error.message)}
								</Text>
							)}
						</>
					),
				},
				{ title: "Begun", value: ({ createdAt }) => createdAt, cell: ({ createdAt }) => when(createdAt) },
				{ title: "State", value: ({ state }) => state, cell: (one) => stateOf(one) },
				{ title: "New", numeric: true, value: ({ added }) => added, cell: ({ added }) => count(added) },
				{ title: "Known before", numeric: true, value: ({ known }) => known, cell: ({ known }) => count(known) },
				{ title: "Left out", numeric: true, value: leftOut, cell: (one) => count(leftOut(one)) },
				{
					title: "Cancel",
					bare: true,
					cell: ({ id, state }) =>
						isOpen(state) && (
							<CancelButton
								cancel={() => api.post("/feed-imports/{id}/cancel", { path: { id } })}
								shownBy={keys.feedImports(name)}
							/>
						),
				},
			]}
		/>
		{imports[0] && <Said of={imports[0]} />}
	</>
);

const leftOut = ({ refused, erased }: FeedImport) => refused + erased;

function stateOf({ state, progress }: FeedImport): string {
	if (state !== "RUNNING" || !progress) return state.toLowerCase();
	return `${progress.stage}, ${Math.floor(progress.fraction * 100)} %`;
}

/** What is wrong in the files of the newest one, and what is said of them. */
const Said = ({ of: { error, problems, problemsTotal, warnings } }: { of: FeedImport }) => (
	<>
		{problems.length > 0 && (
			<Alert color={error ? "red" : "yellow"} p="xs" role="status">
				{problems.slice(0, 10).map((problem) => (
					<Text key={JSON.stringify(problem)} size="sm" className="breaks">
						{problemText(problem)}
					</Text>
				))}
				{problemsTotal > 10 && <Text size="sm">and {count(problemsTotal - Math.min(problems.length, 10))} more</Text>}
			</Alert>
		)}
		<Warnings of={warnings} />
	</>
);
