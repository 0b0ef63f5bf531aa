import { Alert, Text } from "@mantine/core";
import type { ImportProblem } from "@valence/client";
import { problemText } from "../import-wizard";

/** What is said of files that are taken all the same. */
export const Warnings = ({ of }: { of: ImportProblem[] }) =>
	of.length > 0 && (
		<Alert color="yellow" p="xs" role="status">
			{of.map((warning) => (
				<Text key={JSON.stringify(warning)} size="sm" className="breaks">
					{problemText(warning)}
				</Text>
			))}
		</Alert>
	);
