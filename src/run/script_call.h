/* Scripts that need no shell: a program and its arguments in plain words. */
#ifndef AXMAKE_RUN_SCRIPT_CALL_H
#define AXMAKE_RUN_SCRIPT_CALL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

/* The words of a script of one line of plain words, NULL-terminated, in the arena. NULL where a shell could make anything else of it: by a
 * character that it gives a meaning, by a first word that it keeps for itself, or by a second line. */
char **script_call_words(struct arena *a, struct str script);

/* The program that a shell with this environment would execute for `word`, in *file. false where that is the shell's to say: there is none, the
 * search is not plain, or a shell would change the environment. pwd: the entry PWD=… that is known to name the current folder; NULL: none is. */
bool script_call_program(struct arena *a, const char *word, char *const *env, const char *pwd, const char **file);

#endif
