import { Button, Modal, PasswordInput, Stack } from "@mantine/core";
import { useWindowEvent } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { Problem } from "@valence/client";
import { useState } from "react";
import { hasKey, storeKey } from "./api";

const NEEDED = "valence-key-needed";
export const openKeyDialog = () => window.dispatchEvent(new Event(NEEDED));
/** Opens the dialog when the service refused a request for want of a key. */
export const askForKey = (error: Error) => {
	if (error instanceof Problem && error.status === 401) openKeyDialog();
};

/** Takes the API key and asks everything again with it. */
export function KeyDialog() {
	const client = useQueryClient();
	const [opened, setOpened] = useState(false);
	const [key, setKey] = useState("");
	const [refused, setRefused] = useState(false);
	useWindowEvent(NEEDED, () => {
		setRefused(hasKey());
		setOpened(true);
	});
	return (
		<Modal opened={opened} onClose={() => setOpened(false)} title="API key">
			<form
				onSubmit={(event) => {
					event.preventDefault();
					storeKey(key.trim());
					setKey("");
					setOpened(false);
					void client.resetQueries();
				}}
			>
				<Stack>
					<PasswordInput
						label="This service asks for a key"
						description="One of API_KEYS, or one made on the page Keys. Kept in this tab only, until it is closed."
						error={refused && "The key in use was refused, or is being replaced."}
						value={key}
						onChange={(event) => setKey(event.currentTarget.value)}
						data-autofocus
					/>
					<Button type="submit" disabled={key.trim() === ""}>
						Use it
					</Button>
				</Stack>
			</form>
		</Modal>
	);
}
