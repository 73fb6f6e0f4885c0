# Completion of axmake and ax for bash. What may follow is asked of the program itself: `axmake --complete WORD...` prints a line that
# says whether paths fit too (`-`, `files`, `folders`), then a line a word: the word, a tab, what it means.

_axmake() {
	local line=${COMP_LINE:0:COMP_POINT} words=() lines=() word raw typed drop i
	# The words as the program will see them: bash has cut them at = and : too, and left their quotes in.
	for ((i = 0; i <= COMP_CWORD; i++)); do
		local bare=${line#"${line%%[![:blank:]]*}"}
		word=${COMP_WORDS[i]}
		if ((i == COMP_CWORD)); then
			word=$bare raw=$bare
		fi
		if ((i && ${#bare} == ${#line})) && [[ $line ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
		line=${bare#*"$word"}
	done
	for i in "${!words[@]}"; do
		words[i]=${words[i]//[\\\"\']/}
	done
	[[ $raw == [=:] ]] && raw=
	typed=${raw//[\\\"\']/}
	drop=${words[-1]%"$typed"}
	mapfile -t lines < <("${words[0]/#\~/$HOME}" --complete "${words[@]:1}" 2>/dev/null)
	COMPREPLY=()
	for line in "${lines[@]:1}"; do
		word=${line%%$'\t'*}
		word=${word#"$drop"}
		# Readline quotes what it takes for file names, and what stands in an open quote needs none.
		[[ ${lines[0]} == - && $raw != [\"\']* ]] && printf -v word %q "$word"
		COMPREPLY+=("$word")
	done
	[[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
	# Where bash does not cut words at =, the option stands before the path.
	[[ $typed == --*=* ]] && drop=${typed%%=*}= typed=${typed#*=} || drop=
	case ${lines[0]} in
	files)
		compopt -o filenames
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -P "$drop" -- "$typed")
		;;
	folders)
		compopt -o filenames
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -P "$drop" -- "$typed")
		;;
	esac
}

complete -F _axmake axmake ax
