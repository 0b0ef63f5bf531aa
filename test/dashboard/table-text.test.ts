import { csvOf, fileNameOf, latexOf, markdownOf, type TextTable } from "../../services/dashboard/src/table-text";

interface Row {
	model: string;
	mean: number;
	deviation: number | null;
}
const rows: Row[] = [
	{ model: "=cmd|x", mean: 0.123456789, deviation: 0.01 },
	{ model: 'a "b", 50%_k', mean: -0.5, deviation: null },
];
const table: TextTable<Row> = {
	title: "Results of 100% & more",
	columns: [
		{ title: "Model", text: ({ model }) => model },
		{
			title: "Test Recall@20",
			numeric: true,
			text: ({ mean, deviation }) => `${mean.toFixed(4)}${deviation === null ? "" : ` ± ${deviation}`}`,
			values: [
				{ title: "Test Recall@20", of: ({ mean }) => mean },
				{ title: "Test Recall@20 deviation", of: ({ deviation }) => deviation },
			],
			isBest: ({ mean }) => mean > 0,
		},
	],
	rows,
};

it("writes CSV with unrounded numbers, quotes what must be, and disarms formulas but not numbers", () => {
	expect(csvOf(table)).toBe(
		["Model,Test Recall@20,Test Recall@20 deviation", "'=cmd|x,0.123456789,0.01", '"a ""b"", 50%_k",-0.5,', ""].join(
			"\r\n",
		),
	);
});

it("writes Markdown as it is read, the best bold", () => {
	expect(markdownOf(table)).toBe(
		[
			"| Model | Test Recall@20 |",
			"| --- | ---: |",
			"| =cmd\\|x | **0.1235 ± 0.01** |",
			'| a "b", 50%\\_k | -0.5000 |',
			"",
		].join("\n"),
	);
});

it("writes LaTeX that compiles whatever the names hold", () => {
	const text = latexOf(table);
	expect(text).toContain("\\caption{Results of 100\\% \\& more}");
	expect(text).toContain("\\begin{tabular}{lr}");
	expect(text).toContain("=cmd|x & \\textbf{0.1235 $\\pm$ 0.01} \\\\");
	expect(text).toContain('a "b", 50\\%\\_k & -0.5000 \\\\');
	const marked = { title: "", columns: [{ title: "a", text: () => "−0.1 ★" }], rows: [0] };
	expect(latexOf(marked)).toContain("    $-$0.1 $^{*}$ \\\\");
	const hostile = latexOf({ title: "\\~^{}$#\n", columns: [], rows: [] });
	expect(hostile).toContain("\\caption{\\textbackslash{}\\textasciitilde{}\\textasciicircum{}\\{\\}\\$\\# }");
});

it("names files so that every system takes them", () => {
	expect(fileNameOf("Results of <img>/..", "csv")).toBe("results-of-img.csv");
	expect(fileNameOf("漢字", "md")).toBe("table.md");
});
