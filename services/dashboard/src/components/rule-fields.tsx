import { Checkbox, NativeSelect, SimpleGrid, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { COLUMNS, fieldsOf, type RuleTexts, SPLITS } from "../dataset-rule";

const OF_SPLIT = [
	{ field: "ratios", label: "Train, valid, test", placeholder: "0.8, 0.1, 0.1", pointer: "/rule/split/ratios" },
	{ field: "seed", label: "Seed of the split", placeholder: "42", pointer: "/rule/split/seed" },
	{ field: "cuts", label: "Validation and test begin", placeholder: "0.8, 0.9", pointer: "/rule/split" },
] as const;
const FILTERS = [
	{ field: "since", label: "From", placeholder: "the beginning", pointer: "/rule/since" },
	{ field: "until", label: "Until, without it", placeholder: "the end", pointer: "/rule/until" },
	{ field: "minRating", label: "Least rating", placeholder: "every rating", pointer: "/rule/minRating" },
	{ field: "kCore", label: "k-core", placeholder: "no filter", pointer: "/rule/kCore" },
] as const;

interface Props {
	texts: RuleTexts;
	onChange: (texts: RuleTexts) => void;
	/** Columns are known of a feed. */
	ofFeed?: boolean;
	/** What is wrong before anything is sent, by field. */
	problems: Record<string, string>;
	/** What the service said of the field at a pointer. */
	refused: (pointer: string) => ReactNode;
}

/** How an upload is read, split and filtered. */
export function RuleFields({ texts, onChange, ofFeed = false, problems, refused }: Props) {
	const change = (next: Partial<RuleTexts>) => onChange({ ...texts, ...next });
	return (
		<SimpleGrid cols={ofFeed ? { base: 1, sm: 2 } : { base: 1, sm: 2, lg: 5 }} spacing="sm">
			{(ofFeed ? [] : COLUMNS).map((column) => (
				<TextInput
					key={column}
					label={`Column of the ${column}`}
					placeholder={column}
					value={texts.columns[column] ?? ""}
					onChange={(event) => change({ columns: { ...texts.columns, [column]: event.currentTarget.value } })}
					error={refused(`/rule/columns/${column}`)}
				/>
			))}
			<NativeSelect
				label="Split"
				data={SPLITS.filter(({ kind }) => !ofFeed || kind !== "given").map(({ kind, label }) => ({
					value: kind,
					label,
				}))}
				value={texts.split}
				onChange={(event) => change({ split: event.currentTarget.value as RuleTexts["split"] })}
				error={refused("/rule/split/kind")}
			/>
			{[...OF_SPLIT.filter(({ field }) => fieldsOf(texts.split).includes(field)), ...FILTERS].map(
				({ field, label, placeholder, pointer }) => (
					<TextInput
						key={field}
						label={label}
						placeholder={placeholder}
						value={texts[field]}
						onChange={(event) => change({ [field]: event.currentTarget.value })}
						error={problems[field] ?? refused(pointer)}
					/>
				),
			)}
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
