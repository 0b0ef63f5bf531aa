import { Button, type ButtonProps, Group, Modal, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";

interface Props extends ButtonProps {
	label: string;
	question: string;
	onConfirm: () => void;
}

/** For what cannot be undone: asks before it does. */
export function ConfirmButton({ label, question, onConfirm, ...button }: Props) {
	const [opened, { open, close }] = useDisclosure();
	return (
		<>
			<Button {...button} onClick={open}>
				{label}
			</Button>
			<Modal opened={opened} onClose={close} title={question}>
				<Text size="sm" c="dimmed">
					This cannot be undone.
				</Text>
				<Group justify="end" mt="md">
					<Button variant="default" onClick={close} data-autofocus>
						Keep
					</Button>
					<Button
						color="red"
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
