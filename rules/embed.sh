#!/bin/sh
# Usage: sh embed.sh FILE.ini... > builtin_rules.c
# Makes rules a part of the program: each file an array of bytes, all of them listed in builtin_rules[].
set -eu

echo '/* Made by rules/embed.sh; edit the .ini files instead. */'
echo '#include "load/rules.h"'
n=0
for file; do
	printf '\nstatic const unsigned char text_%d[] = {\n' "$n"
	od -An -v -tu1 "$file" | sed 's/[0-9][0-9]*/&,/g; s/^ */\t/; s/  */ /g'
	printf '\t0,\n};\n'
	n=$((n + 1))
done

printf '\nconst struct builtin_rule builtin_rules[] = {\n'
n=0
for file; do
	printf '\t{"%s", (const char *)text_%d, sizeof text_%d - 1},\n' "${file##*/}" "$n" "$n"
	n=$((n + 1))
done
printf '\t{NULL, NULL, 0},\n};\n'
