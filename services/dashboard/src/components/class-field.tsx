import { Select } from "@mantine/core";
import type { ReactNode } from "react";
import { useMachines } from "../machine-queries";

interface Props {
	value: string | null;
	onChange: (next: string | null) => void;
	error: ReactNode;
}

/** Which machines may take the runs. With one class there is nothing to choose. */
export function ClassField({ value, onChange, error }: Props) {
	const { classes = [] } = useMachines().data ?? {};
	if (classes.length < 2) return null;
	return (
		<Select
			label="Machines"
			placeholder="any"
			data={classes.map((name) => ({ value: name, label: `of class ${name}` }))}
			value={value}
			onChange={onChange}
			clearable
			size="sm"
			mt="sm"
			maw={320}
			error={error}
		/>
	);
}
