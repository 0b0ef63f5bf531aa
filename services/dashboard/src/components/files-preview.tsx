import { Alert, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Preview, PreviewedFile } from "@valence/client";
import { type ColumnChoices, type Dropped, ROLES, withColumn } from "../import-wizard";
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
	const isAlone = (name: string) => data?.files.filter((one) => one.file === name).length === 1;
	const setRole = (name: string, role: string) =>
		onFiles(files.map((one) => (one.file.name === name ? { ...one, role } : one)));
	return (
		<>
			{error && (
				<Alert color="yellow" title="The beginning of the files cannot be shown">
					<Text size="sm">{error.message} The import itself says more.</Text>
				</Alert>
			)}
			{data?.files.map((file) => (
				<FilePreview
					key={`${file.file} ${file.name}`}
					file={{ ...file, role: asRole(file.role) }}
					roles={roles}
					problems={data.problems.filter((problem) => problem.file === file.name)}
					onRole={isAlone(file.file) ? (role) => setRole(file.file, role) : undefined}
					onColumn={(index, role) => onChoices(withColumn(choices, file, index, role))}
				/>
			))}
			{data && <Warnings of={data.warnings} />}
		</>
	);
}
