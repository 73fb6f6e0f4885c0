#!/bin/sh
# Usage: examples/demo.sh AXMAKE FOLDER
# Shows the documentation example at work, in a copy of it in FOLDER that stays: a second call begins where the first one ended.
set -eu
axmake=$1 folder=$2
PATH=$(dirname "$axmake"):$PATH
export PATH
unset MAKEFLAGS MFLAGS MAKELEVEL # as if typed by hand

[ -d "$folder" ] || { mkdir -p "$(dirname "$folder")" && cp -R "$(dirname "$0")/docs" "$folder"; }
cd "$folder"

say() {
	if [ -t 1 ]; then
		printf '\n\033[1m%s\033[0m\n' "$*"
	else
		printf '\n%s\n' "$*"
	fi
}

show() {
	say "\$ $*"
	"$@"
}

say "# A folder of Markdown pages becomes one page: scripts check and assemble, agents (offline ones) review and introduce."
show axmake -j4
say "# Once more: what is up to date is not run, and not paid, again."
show axmake -j4
say "# Somebody edits a page."
say "\$ echo 'Water them in the evening.' >> pages/growing.md"
echo 'Water them in the evening.' >>pages/growing.md
say "# What does that touch?"
show axmake --explain
say "# The other reviews stand. The introduction was written from the contents; these come out as before, so it stands, too."
show axmake -j4
say "# All is up to date again."
show axmake -j4
say "The page is $folder/out/handbook.html, the workflow $folder/docs.ax.yaml; the tour in README.md goes on from here."
