import { Button, Menu } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { ClipboardIcon, DownloadIcon, TableIcon } from "@radix-ui/react-icons";
import { FORMATS, fileNameOf, type TextTable } from "../table-text";

/** Takes a table along: as text on the clipboard, or as a file. */
export function TableMenu<T>({ table }: { table: TextTable<T> }) {
	const copy = async (name: string, text: string) => {
		const isCopied = await copied(text);
		notifications.show(
			isCopied
				? { message: `${table.title} copied as ${name}`, color: "teal" }
				: { message: "The browser does not let this page copy. Download the file instead.", color: "red" },
		);
	};
	return (
		<Menu position="bottom-end" withinPortal>
			<Menu.Target>
				<Button
					size="compact-xs"
					variant="default"
					leftSection={<TableIcon width={14} height={14} aria-hidden />}
					aria-label={`Copy or download: ${table.title}`}
				>
					Copy or download
				</Button>
			</Menu.Target>
			<Menu.Dropdown>
				{FORMATS.map(({ name, of }) => (
					<Menu.Item
						key={name}
						leftSection={<ClipboardIcon width={14} height={14} aria-hidden />}
						onClick={() => copy(name, of(table))}
					>
						Copy as {name}
					</Menu.Item>
				))}
				<Menu.Divider />
				{FORMATS.map(({ name, ending, type, of }) => (
					<Menu.Item
						key={name}
						leftSection={<DownloadIcon width={14} height={14} aria-hidden />}
						onClick={() => save(fileNameOf(table.title, ending), type, of(table))}
					>
						Download {name}
					</Menu.Item>
				))}
			</Menu.Dropdown>
		</Menu>
	);
}

/** Pages that came over plain HTTP from another machine have no clipboard but that of a selection. */
async function copied(text: string): Promise<boolean> {
	if (navigator.clipboard) {
		return navigator.clipboard.writeText(text).then(
			() => true,
			() => false,
		);
	}
	const area = Object.assign(document.createElement("textarea"), { value: text });
	document.body.append(area);
	area.select();
	const isCopied = document.execCommand("copy");
	area.remove();
	return isCopied;
}

function save(name: string, type: string, text: string): void {
	const url = URL.createObjectURL(new Blob([text], { type }));
	Object.assign(document.createElement("a"), { href: url, download: name }).click();
	URL.revokeObjectURL(url);
}
