import { Button, type ButtonProps, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";

interface Props extends ButtonProps {
	label: string;
	question: string;
	/** What follows from it. */
	consequence?: string;
	/** Of the button that does it; red warns. */
	confirmColor?: string;
	onConfirm: () => void;
}

/** For what cannot be undone, or concerns others: asks before it does. */
export function ConfirmButton({
	label,
	question,
	consequence = "This cannot be undone.",
	confirmColor = "red",
	onConfirm,
	...button
}: Props) {
	const [opened, { open, close }] = useDisclosure();
	return (
		<>
			<Button {...button} onClick={open}>
				{label}
			</Button>
			<Modal opened={opened} onClose={close} title={question}>
				<Text size="sm" c="dimmed">
					{consequence}
				</Text>
				<Group justify="end" mt="md">
					<Button variant="default" onClick={close} data-autofocus>
						Keep
					</Button>
					<Button
						color={confirmColor}
						onClick={() => {
							close();
							onConfirm();
						}}
					>
						{label}
					</Button>
				</Group>
			</Modal>
		</>
	);
}
