import { Alert, Button, Group, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Preview, PreviewedFile } from "@valence/client";
import {
	type ColumnChoices,
	type Dropped,
	hasOwnRole,
	isLeftOut,
	isOfItems,
	leftOut,
	ROLES,
	withColumn,
} from "../import-wizard";
import { FilePreview } from "./file-preview";
import { Warnings } from "./warnings";

interface Props {
	files: Dropped[];
	preview: Pick<UseQueryResult<Preview>, "data" | "error">;
	/** What a file of a role is taken for, where roles are fewer than those of a dataset. */
	asRole?: (role: PreviewedFile["role"]) => PreviewedFile["role"];
	onFiles: (files: Dropped[]) => void;
	choices: ColumnChoices;
	onChoices: (choices: ColumnChoices) => void;
}

/** The beginning of each file as it will be read, with roles and columns to change, and warnings; or why not. */
export function FilesPreview({
	files,
	preview: { data, error },
	asRole = (role) => role,
	onFiles,
	choices,
	onChoices,
}: Props) {
	const roles = ROLES.filter(({ value }) => asRole(value) === value);
	const setRole = (name: string, role: string) =>
		onFiles(files.map((one) => (one.file.name === name ? { ...one, role } : one)));
	const setColumn = (file: PreviewedFile, index: number, role: string | null) => {
		// Read once more for them, what it is taken for would be guessed anew.
		if (isOfItems(role) && file.file === file.name) setRole(file.file, file.role);
		onChoices(withColumn(choices, file, index, role));
	};
	return (
		<>
			{error && (
				<Alert color="yellow" title="The beginning of the files cannot be shown">
					<Text size="sm">{error.message} The import itself says more.</Text>
				</Alert>
			)}
			{data?.files.map((file) => (
				<FilePreview
					key={`${file.file} ${file.name} ${file.role}`}
					file={{ ...file, role: asRole(file.role) }}
					roles={roles}
					problems={data.problems.filter((problem) => problem.file === file.name)}
					onRole={hasOwnRole(file, data.files) ? (role) => setRole(file.file, role) : undefined}
					onColumn={(index, role) => setColumn(file, index, role)}
				/>
			))}
			{data && <LeftOut files={leftOut(data)} onTake={(name) => setRole(name, "interactions")} />}
			{data && <Warnings of={data.warnings.filter((one) => !isLeftOut(one))} />}
		</>
	);
}

/** What an import goes without; taken all the same, it has a beginning whose role can be changed. */
const LeftOut = ({ files, onTake }: { files: string[]; onTake: (name: string) => void }) =>
	files.length > 0 && (
		<Alert color="gray" p="xs" role="status">
			<Text size="sm" mb={6}>
				Left out: by their names nothing of these is needed, as published datasets hold them beside the rest.
			</Text>
			<Group gap="xs">
				{files.map((name) => (
					<Button key={name} size="compact-xs" variant="default" maw="100%" onClick={() => onTake(name)}>
						Take {name}
					</Button>
				))}
			</Group>
		</Alert>
	);
