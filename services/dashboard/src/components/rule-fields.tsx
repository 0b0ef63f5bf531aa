import { Checkbox, SimpleGrid, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { COLUMNS, type RuleTexts } from "../dataset-rule";

const FIELDS = [
	{ field: "ratios", label: "Train, valid, test", placeholder: "0.8, 0.1, 0.1", pointer: "/rule/split/ratios" },
	{ field: "seed", label: "Seed of the split", placeholder: "42", pointer: "/rule/split/seed" },
	{ field: "minRating", label: "Least rating", placeholder: "every rating", pointer: "/rule/minRating" },
	{ field: "kCore", label: "k-core", placeholder: "no filter", pointer: "/rule/kCore" },
] as const;

interface Props {
	texts: RuleTexts;
	onChange: (texts: RuleTexts) => void;
	/** What is wrong before anything is sent, by field. */
	problems: Record<string, string>;
	/** What the service said of the field at a pointer. */
	refused: (pointer: string) => ReactNode;
}

/** How an upload is read, split and filtered. */
export function RuleFields({ texts, onChange, problems, refused }: Props) {
	const change = (next: Partial<RuleTexts>) => onChange({ ...texts, ...next });
	return (
		<SimpleGrid cols={{ base: 1, sm: 2, lg: 5 }} spacing="sm">
			{COLUMNS.map((column) => (
				<TextInput
					key={column}
					label={`Column of the ${column}`}
					placeholder={column}
					value={texts.columns[column] ?? ""}
					onChange={(event) => change({ columns: { ...texts.columns, [column]: event.currentTarget.value } })}
					error={refused(`/rule/columns/${column}`)}
				/>
			))}
			{FIELDS.map(({ field, label, placeholder, pointer }) => (
				<TextInput
					key={field}
					label={label}
					placeholder={placeholder}
					value={texts[field]}
					onChange={(event) => change({ [field]: event.currentTarget.value })}
					error={problems[field] ?? refused(pointer)}
				/>
			))}
			<Checkbox
				label="Skip bad rows"
				description="at most 1 % of them"
				mt={26}
				checked={texts.skipBadRows}
				onChange={(event) => change({ skipBadRows: event.currentTarget.checked })}
			/>
		</SimpleGrid>
	);
}
