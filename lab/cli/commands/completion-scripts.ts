/**
 * The scripts that `lab completion` prints. They hold no verbs: each Tab asks `lab __complete` of the lab that is being typed.
 */
import { LabError } from "../../base/lab-error.ts";
import { didYouMean } from "../../base/suggest.ts";

const BASH = `# Completion of lab for bash 3.2 and newer: source <(lab completion bash)
_lab_complete() {
  local line="\${COMP_LINE:0:COMP_POINT}" cur out candidate head IFS=$' \\t\\n'
  local -a words
  read -r -a words <<<"$line"
  case "$line" in *[[:space:]]) words+=("") ;; esac
  cur="\${words[\${#words[@]}-1]}"
  COMPREPLY=()
  out="$("\${words[0]}" __complete -- "\${words[@]:1}" 2>/dev/null)" || return 0
  # Readline breaks words at = and : and replaces what is behind the last one only.
  head="\${cur%"\${cur##*[=:]}"}"
  case "$COMP_WORDBREAKS" in *:*) ;; *) head="" ;; esac
  while IFS= read -r candidate; do
    case "$candidate" in
      '') ;;
      :files) while IFS= read -r candidate; do COMPREPLY+=("$candidate"); done < <(compgen -f -- "$cur")
        type compopt >/dev/null 2>&1 && compopt -o filenames ;;
      :open) type compopt >/dev/null 2>&1 && compopt -o nospace ;;
      *) candidate="\${candidate%%$'\\t'*}"; COMPREPLY+=("\${candidate#"$head"}") ;;
    esac
  done <<<"$out"
}
complete -F _lab_complete lab
`;

const ZSH = `#compdef lab
# Completion of lab for zsh: source <(lab completion zsh), behind compinit
_lab() {
  local -a lines plain described
  local line files
  lines=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)}")
  for line in "\${lines[@]}"; do
    case "$line" in
      '') ;;
      :files) files=1 ;;
      :open) ;;
      *$'\\t'*) described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
      *=) plain+=("$line") ;;
      *) described+=("\${line//:/\\\\:}") ;;
    esac
  done
  (( \${#described} )) && _describe -V 'lab' described
  (( \${#plain} )) && compadd -S '' -- "\${plain[@]}"
  [[ -n "$files" ]] && _files
  return 0
}
compdef _lab lab
`;

const FISH = `# Completion of lab for fish: lab completion fish > ~/.config/fish/completions/lab.fish
function __lab_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :open
            case '*'
                echo $line
        end
    end
end
complete -c lab -f -a '(__lab_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

/** @throws LabError("usage") for another shell */
export function completionScript(shell: string): string {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
  if (script !== undefined) return script;
  throw new LabError(
    "usage",
    `there is no completion for "${shell}"`,
    didYouMean(shell, Object.keys(SCRIPTS), `there is one for: ${Object.keys(SCRIPTS).join(", ")}`),
  );
}
