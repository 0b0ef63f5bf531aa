// valence completion bash|zsh: what a shell asks to complete commands, options and names.
import type { Argv } from "yargs";

// Names are a service's: they are compared and quoted, never expanded. No mapfile, which the bash of macOS lacks.
const BASH = `# valence completion for bash: eval "$(valence completion bash)" in ~/.bashrc
_valence() {
	local word quoted typed="\${COMP_WORDS[COMP_CWORD]//\\\\/}"
	COMPREPLY=()
	while IFS= read -r word; do
		[[ "$word" == "$typed"* ]] || continue
		printf -v quoted %q "$word"
		COMPREPLY+=("$quoted")
	done < <(SHELL=bash valence --complete "\${COMP_WORDS[@]:0:COMP_CWORD}" "$typed" 2>/dev/null)
}
complete -o bashdefault -o default -F _valence valence
`;
const ZSH = `#compdef valence
# valence completion for zsh: eval "$(valence completion zsh)" in ~/.zshrc, after compinit
_valence() {
	local -a found
	found=("\${(@f)$(SHELL=zsh valence --complete "\${(@)words[1,CURRENT]}" 2>/dev/null)}")
	if [[ -n "$found" ]]; then _describe valence found; else _files; fi
}
compdef _valence valence
`;

export const completion = (line: Argv) =>
	line.command(
		"completion <shell>",
		"Print what makes a shell complete commands, options and names",
		(yargs) =>
			yargs
				.positional("shell", { choices: ["bash", "zsh"] as const, demandOption: true, describe: "Which one" })
				.example('eval "$($0 completion bash)"', "in ~/.bashrc; the command must be on the PATH")
				.epilogue("In a checkout: export PATH=$PWD/node_modules/.bin:$PATH, or alias valence='npx valence'."),
		({ shell }) => {
			process.stdout.write(shell === "bash" ? BASH : ZSH);
		},
	);
