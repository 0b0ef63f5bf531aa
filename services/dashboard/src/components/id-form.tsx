import { Button, Group, Text, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSearchParams } from "react-router";

/** A field for one id; the id asked for is in the address, so that it can be shared. */
export function IdForm({ label, name }: { label: string; name: string }) {
	const [search, setSearch] = useSearchParams();
	const [typed, setTyped] = useState(search.get(name) ?? "");
	return (
		<form
			onSubmit={(event) => {
				event.preventDefault();
				if (typed !== "") setSearch({ [name]: typed });
			}}
		>
			<Group align="end" gap="xs" wrap="nowrap">
				<TextInput
					label={label}
					flex="1 1 200px"
					maw={320}
					value={typed}
					onChange={(event) => setTyped(event.currentTarget.value)}
				/>
				<Button type="submit" disabled={typed === ""}>
					Show
				</Button>
			</Group>
		</form>
	);
}

export const Hint = ({ children }: { children: string }) => (
	<Text size="sm" c="dimmed">
		{children}
	</Text>
);
