import { Alert, Badge, Box, Group, Menu, Select, Table, Text, UnstyledButton } from "@mantine/core";
import { ChevronDownIcon } from "@radix-ui/react-icons";
import type { PreviewedColumn, PreviewedFile } from "@valence/client";
import { columnRoles, dialectSentence, type ROLES } from "../import-wizard";
import { ruleInWords } from "../in-words";

interface Props {
	file: PreviewedFile;
	/** What it may hold. */
	roles: typeof ROLES;
	/** Absent where the file came in an archive, whose names say what its files are, or is read as two tables. */
	onRole: ((role: string) => void) | undefined;
	/** Null: as it was recognised. */
	onColumn: (index: number, role: string | null) => void;
	problems: { line: number; message: string }[];
}

/** More of them are in the answer of the import. */
const MOST_PROBLEMS = 5;

/** The beginning of a file as it will be read; what a column is can be changed by pressing it. */
export function FilePreview({ file, roles, onRole, onColumn, problems }: Props) {
	return (
		<Box component="section" aria-label={`Beginning of ${file.name}`}>
			<Group justify="space-between" align="end" mb={6} gap="xs">
				<div>
					<Text size="sm" fw={600} className="breaks">
						{file.name}
					</Text>
					<Text size="xs" c="dimmed">
						{dialectSentence(file.dialect)}
					</Text>
				</div>
				{!onRole && (
					<Text size="xs" c="dimmed">
						{roles.find(({ value }) => value === file.role)?.label}
					</Text>
				)}
				{onRole && (
					<Select
						size="xs"
						w={230}
						aria-label={`What ${file.name} holds`}
						data={roles}
						value={file.role}
						onChange={(role) => role && onRole(role)}
						allowDeselect={false}
					/>
				)}
			</Group>
			{problems.length > 0 && (
				<Alert color="orange" mb="xs" p="xs">
					{problems.slice(0, MOST_PROBLEMS).map(({ line, message }) => (
						<Text key={`${line} ${message}`} size="xs" className="breaks">
							{line > 0 && `Line ${line}: `}
							{ruleInWords(message)}
						</Text>
					))}
					{problems.length > MOST_PROBLEMS && <Text size="xs">and {problems.length - MOST_PROBLEMS} more</Text>}
				</Alert>
			)}
			{file.columns.length > 0 && (
				// biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
				<section className="wide" tabIndex={0} aria-label={`Rows of ${file.name}, scrolls sideways`}>
					<Table aria-label={`Rows of ${file.name}`} verticalSpacing={3} fz="xs">
						<Table.Thead>
							<Table.Tr>
								{file.columns.map((column, index) => (
									// biome-ignore lint/suspicious/noArrayIndexKey: a column is its place, names may repeat
									<Table.Th key={index}>
										<ColumnMenu column={column} roles={columnRoles(file)} onRole={(role) => onColumn(index, role)} />
									</Table.Th>
								))}
							</Table.Tr>
						</Table.Thead>
						<Table.Tbody>
							{file.rows.slice(0, 8).map((row, line) => (
								// biome-ignore lint/suspicious/noArrayIndexKey: a row is its place
								<Table.Tr key={line}>
									{file.columns.map((column, index) => (
										// biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
										<Table.Td key={index} className={column.role === null ? "unused" : undefined}>
											<Text span size="xs" lineClamp={1} maw={220}>
												{row[index] ?? ""}
											</Text>
										</Table.Td>
									))}
								</Table.Tr>
							))}
						</Table.Tbody>
					</Table>
				</section>
			)}
		</Box>
	);
}

interface ColumnProps {
	column: PreviewedColumn;
	roles: string[];
	onRole: (role: string | null) => void;
}

const ColumnMenu = ({ column: { name, role, why, form }, roles, onRole }: ColumnProps) => (
	<Menu position="bottom-start" withinPortal>
		<Menu.Target>
			<UnstyledButton className="column" title={`${why} Press to say what it holds.`.trim()}>
				<span>{name}</span>
				<Badge
					size="sm"
					miw="max-content"
					tt="none"
					variant={role === null ? "default" : "filled"}
					rightSection={<ChevronDownIcon width={12} height={12} />}
				>
					{role ?? "not used"}
					{form && `: ${form}`}
				</Badge>
			</UnstyledButton>
		</Menu.Target>
		<Menu.Dropdown>
			<Menu.Label>{why || "What this column holds"}</Menu.Label>
			{roles.map((one) => (
				<Menu.Item key={one} onClick={() => onRole(one)} disabled={one === role}>
					The {one}
				</Menu.Item>
			))}
			<Menu.Divider />
			<Menu.Item onClick={() => onRole(null)}>As it was recognised</Menu.Item>
		</Menu.Dropdown>
	</Menu>
);
