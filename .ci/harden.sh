#!/bin/sh
# Usage: .ci/harden.sh COMPILER [FLAG]...
# Prints the flags against attacks that this compiler takes, beside those given, without a word.

takes() {
	echo '#include <string.h>' | "$@" -Werror -c -o /dev/null -x c - 2>/dev/null
}

# -U: some compilers come with a level of their own.
fortify='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3'
others='-fstack-protector-strong -fstack-clash-protection'
case $("$@" -dumpmachine) in
x86_64* | i?86*) others="$others -fcf-protection" ;;
aarch64*) others="$others -mbranch-protection=standard" ;;
esac

# shellcheck disable=SC2086 # words on purpose
if takes "$@" $fortify $others; then
	echo $fortify $others
	exit
fi
# shellcheck disable=SC2086
for flags in "$fortify" '-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'; do
	takes "$@" $flags && echo $flags && break
done
for flag in $others; do
	takes "$@" "$flag" && echo "$flag"
done
exit 0
