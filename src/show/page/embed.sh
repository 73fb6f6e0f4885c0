#!/bin/sh
# Usage: sh embed.sh page.html page.css SCRIPT.js... > page.c
# Makes the report's page a part of the program: one HTML text in the three parts of struct page, with its style and its program in it, and a policy
# that lets a browser run these two, known by their hashes, and load nothing.
set -eu

page=$1 style=$2
shift 2
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT
cat "$style" >"$parts/style"
cat "$@" >"$parts/program"

# As HTML is read, these would end the element or hide its end.
if grep -nEi '</?(script|style)|<!--|-->' "$parts/style" "$parts/program" >&2; then
	echo 'embed.sh: this cannot stand in a page as it is' >&2
	exit 1
fi

# base64 of the SHA-256
hash_of() {
	# shellcheck disable=SC2046,SC2059 # a byte each
	printf "$(printf '\\%03o' $(sha256sum <"$1" | sed 's/ .*//; s/../0x& /g'))" | base64
}

policy="default-src 'none'; script-src 'sha256-$(hash_of "$parts/program")'; style-src 'sha256-$(hash_of "$parts/style")'; img-src data:"
policy="$policy; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

awk -v dir="$parts" -v policy="$policy" '
	function put(s) { printf "%s", s > (dir "/part" part) }
	function put_file(name,   line) {
		while ((getline line < (dir "/" name)) > 0)
			put(line "\n")
	}
	BEGIN { part = 1 }
	{
		while (match($0, /@[A-Z]+@/)) {
			put(substr($0, 1, RSTART - 1))
			word = substr($0, RSTART, RLENGTH)
			$0 = substr($0, RSTART + RLENGTH)
			if (word == "@POLICY@")
				put(policy)
			else if (word == "@STYLE@" || word == "@PROGRAM@")
				put_file(word == "@STYLE@" ? "style" : "program")
			else
				part++
		}
		put($0 "\n")
	}
' "$page"

echo '/* Made by src/show/page/embed.sh; edit the files beside it instead. */'
echo '#include "show/page.h"'
for n in 1 2 3; do
	printf '\nstatic const char part_%d[] = {\n' "$n"
	od -An -v -to1 "$parts/part$n" | sed "s/[0-7][0-7]*/'\\\\&',/g; s/^ */\t/; s/  */ /g"
	printf '};\n'
done
printf '\nconst struct page report_page = {{part_1, sizeof part_1}, {part_2, sizeof part_2}, {part_3, sizeof part_3}};\n'
