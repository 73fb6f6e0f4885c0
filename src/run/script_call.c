#include "run/script_call.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/vec.h"

/* What shells do themselves, or may: POSIX's reserved words and built-in utilities, the names whose meaning it leaves open, and what dash, bash, ksh
 * and zsh have besides. One too many costs a shell; one too few could mean another program. And setsid, which goes to the background where it leads its
 * process group, as it would here. */
static const char shell_names[] =
    " . : [ [[ alias alloc array autoload bg bind bindkey break builtin bye caller cap case cd chdir clone command "
    "comparguments compcall compctl compdescribe compfiles compgen compgroups complete compopt compound compquote comptags "
    "comptry compvalues continue coproc declare dirs disable disown do done dosh echo echotc echoti elif else emulate "
    "enable end enum esac eval exec exit export false fc fg fi float for foreach function functions getopts global hash "
    "help hist history if in integer jobs kill let limit local log login logout map mapfile nameref namespace newgrp "
    "nocorrect noglob popd print printf private pushd pushln pwd r read readarray readonly rehash repeat return "
    "savehistory sched select set setopt setsid shift shopt source stop suspend test then time times trap true ttyctl type "
    "typeset ulimit umask unalias unfunction unhash unlimit unset unsetopt until vared wait whence where which while "
    "zcompile zformat zle zmodload zparseopts zstyle ";

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_plain(char c)
{
	return is_letter_or_digit(c) || (c && strchr("_-./,+:@%^=", c));
}

/* May it be a program's name? NAME=VALUE is an assignment, and `%1` a job. */
static bool is_command(struct str word)
{
	char name[32]; /* none of the shell's is as long */
	if ((!is_letter_or_digit(*word.p) && !strchr("_./", *word.p)) || memchr(word.p, '=', word.n))
		return false;
	return (size_t)snprintf(name, sizeof name, " %.*s ", STR_ARG(word)) >= sizeof name || !strstr(shell_names, name);
}

char **script_call_words(struct arena *a, struct str script)
{
	VEC(char *) words = {0};
	script = str_trim_end_newlines(script);
	for (size_t i = 0; i < script.n;) {
		size_t from = i;
		while (i < script.n && is_plain(script.p[i]))
			i++;
		struct str word = str_sub(script, from, i);
		if (i < script.n && script.p[i] != ' ' && script.p[i] != '\t')
			return NULL;
		i++;
		if (!word.n)
			continue;
		if (!words.n && !is_command(word))
			return NULL;
		vec_push(a, &words, (char *)arena_copy(a, word).p);
	}
	if (words.n)
		vec_push(a, &words, NULL);
	return words.p;
}

/* A function that bash would take from the environment: BASH_FUNC_name%%=… */
static bool is_function(const char *entry, const char *word)
{
	size_t n = strlen(word);
	return !strncmp(entry, "BASH_FUNC_", 10) && !strncmp(entry + 10, word, n) && (entry[10 + n] == '%' || entry[10 + n] == '(');
}

bool script_call_program(struct arena *a, const char *word, char *const *env, const char *pwd, const char **file)
{
	const char *path = NULL;
	for (; *env; env++) {
		if (**env != 'P' && **env != 'S' && **env != 'B')
			continue;
		if (!strncmp(*env, "PATH=", 5)) {
			if (path)
				return false; /* which of two counts is not for us to say */
			path = *env + 5;
		} else if (!strncmp(*env, "PWD=", 4) ? *env != pwd : !strncmp(*env, "SHELLOPTS=", 10) || is_function(*env, word)) {
			return false;
		}
	}
	/* dash gives a per cent sign in PATH a meaning, and without PATH each shell has its own. */
	struct str found;
	if (!pwd || !path || !*path || strchr(path, '%') || !os_find_program(a, word, path, &found))
		return false;
	*file = found.p;
	return true;
}
